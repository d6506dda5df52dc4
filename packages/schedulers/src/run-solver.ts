/** The sampling loop of the samplers that look back; see solver-plan.ts for the formulas. */
import { checkSamples, clipX0 } from './dynamic-threshold.ts';
import { SchedulerArgumentError } from './errors.ts';
import { type Quotient } from './prediction.ts';
import { checkOutput, type Denoise, type PlanRun } from './run-plan.ts';
import { type SolverCall, type SolverPlan } from './solver-plan.ts';
import { type StepResult } from './step.ts';

const f32 = Math.fround;

/** What one call of the network leaves behind, each as long as x. */
export interface CallRecord {
  /** x_n, with its churn */
  readonly sample: Float32Array;
  /** F_n */
  readonly output: Float32Array;
  /** x̂0_n */
  readonly x0: Float32Array;
}

/** Where a run stands before a call. */
export interface SolverState {
  /** x_n */
  readonly x: Float32Array;
  /** what earlier calls left; the call adds its own */
  readonly records: Map<number, CallRecord>;
  /** noise for the call, where it churns or adds any */
  readonly z: Float32Array | undefined;
  /** how many samples x holds, where the call thresholds x̂0 */
  readonly samples?: number | undefined;
}

/** Rounded to float32 after each operation, as in diffusers: later steps may amplify its last bits. */
function predictedImage({ x0, epsilon }: SolverCall, x: Float32Array, output: Float32Array): Float32Array {
  const quotient = (q: Quotient, given: Float32Array): Float32Array =>
    x.map((value, i) => f32(f32(q.sample * value) + f32(q.output * given[i]!)) / q.divisor);
  return quotient(x0, epsilon === undefined ? output : quotient(epsilon, output));
}

/** The next x: all shares and the noise, summed in float64 and rounded once. */
function nextSample({ next, noise }: SolverCall, { records, z, x }: SolverState): Float32Array {
  const sum = new Float64Array(x.length);
  const add = (weight: number | undefined, values: Float32Array): void => {
    if (weight === undefined || weight === 0) return;
    for (let i = 0; i < sum.length; i++) sum[i]! += weight * values[i]!;
  };
  for (const share of next) {
    const record = records.get(share.call)!;
    add(share.sample, record.sample);
    add(share.output, record.output);
    add(share.x0, record.x0);
  }
  if (z !== undefined) add(noise, z);
  return Float32Array.from(sum);
}

/**
 * Carries out everything that belongs to one call: asks the model, remembers what it gave, and makes the next x.
 *
 * @param index n, the call's place in its plan
 * @param where the call, for an error's message
 * @throws SamplingError if the model's output has another length than x or holds a number that is not finite
 */
export async function takeCall(
  call: SolverCall,
  index: number,
  { state, denoise, where }: { state: SolverState; denoise: Denoise; where: string },
): Promise<StepResult> {
  const { x, z, records } = state;
  const { churn, input } = call;
  const sample = churn === 0 || z === undefined ? x : x.map((value, i) => value + churn * z[i]!);
  const scaled = input === 1 ? sample : sample.map((value) => value * input);
  const output = await denoise(scaled, call.timestep);
  checkOutput(output, x.length, where);
  const x0 = clipX0(predictedImage(call, sample, output), call.clip, state.samples);
  records.set(index, { sample, output, x0 });
  return { x: nextSample(call, state), x0 };
}

/** For each call, the last call that needs what it left. */
function lastUses({ calls }: SolverPlan): number[] {
  const last = calls.map(() => -1);
  calls.forEach(({ next }, n) => next.forEach(({ call }) => (last[call] = n)));
  return last;
}

/** A plan and what it needs to run; `onStep` is called after each call of the network. */
export interface SolverRun extends Omit<PlanRun, 'plan'> {
  readonly plan: SolverPlan;
}

/**
 * Runs a plan on host arrays, remembering no more than the calls to come need.
 *
 * @returns x after the last call, a new array
 * @throws SchedulerArgumentError if the plan needs noise, or the number of samples, and none is given; SamplingError if the
 *   model's output has another length than x or holds a number that is not finite
 */
export async function runSolver(run: SolverRun): Promise<Float32Array> {
  const { plan, denoise, x, samples, noise, onStep } = run;
  const draws = plan.calls.map((call) => call.noise !== 0 || call.churn !== 0);
  if (noise === undefined && draws.includes(true)) {
    throw new SchedulerArgumentError(
      'sampling: these steps add noise, but no noise source came; pass `noise` (see noisePerSample)',
    );
  }
  for (const { clip } of plan.calls) checkSamples(clip, samples, x.length);
  const lastUse = lastUses(plan);
  const records = new Map<number, CallRecord>();
  const total = plan.calls.length;
  let current: Float32Array = x.map((value) => value * plan.scale);
  for (const [index, call] of plan.calls.entries()) {
    let z: Float32Array | undefined;
    if (draws[index]) {
      z = new Float32Array(current.length);
      noise?.(index, z);
    }
    const where = `step ${index + 1} of ${total} (timestep ${call.timestep})`;
    const state = { x: current, records, z, samples };
    const result = await takeCall(call, index, { state, denoise, where });
    current = result.x;
    for (const past of records.keys()) if (lastUse[past]! <= index) records.delete(past);
    await onStep?.({ index, total, timestep: call.timestep, ...result });
  }
  return current;
}
