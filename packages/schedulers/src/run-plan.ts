/** The sampling loop, the same for every sampler whose steps stand alone: ask the model, apply the step, report. */
import { checkSamples } from './dynamic-threshold.ts';
import { SamplingError, SchedulerArgumentError } from './errors.ts';
import { applyStep, type SamplerStep } from './step.ts';

/**
 * The model: its output for x_t (any layout, flattened) at timestep t, of x's length. x is the sampler's own; do not change
 * it.
 */
export type Denoise = (x: Float32Array, timestep: number) => Float32Array | Promise<Float32Array>;

/** Fills `out` with standard normal numbers for the step of that index; see `noisePerSample`. */
export type NoiseSource = (stepIndex: number, out: Float32Array) => void;

/** What `onStep` is told after each step. */
export interface StepReport {
  /** from 0; of the network's calls, where a step makes several */
  readonly index: number;
  /** how many there are */
  readonly total: number;
  readonly timestep: number;
  /** x after the step */
  readonly x: Float32Array;
  /** the prediction of x_0 that the step went through, clipped if the config says so */
  readonly x0: Float32Array;
}

/** A plan and what it needs to run. */
export interface PlanRun {
  readonly plan: readonly SamplerStep[];
  readonly denoise: Denoise;
  /** where to start: standard normal noise, all samples one after another; not changed */
  readonly x: Float32Array;
  /** how many samples x holds; needed where the config says `thresholding`, whose quantiles are of each sample */
  readonly samples?: number;
  /** needed where the plan adds noise */
  readonly noise?: NoiseSource;
  /** called, and awaited, after each step; what it throws ends the sampling */
  readonly onStep?: (report: StepReport) => void | Promise<void>;
}

/**
 * Runs a plan of steps on host arrays.
 *
 * @returns x after the last step, a new array
 * @throws SchedulerArgumentError if the plan needs noise, or the number of samples, and none is given; SamplingError if the
 *   model's output has another length than x or holds a number that is not finite
 */
export async function runPlan({ plan, denoise, x, samples, noise, onStep }: PlanRun): Promise<Float32Array> {
  if (noise === undefined && plan.some((step) => step.previous.noise !== 0)) {
    throw new SchedulerArgumentError(
      'sampling: these steps add noise, but no noise source came; pass `noise` (see noisePerSample), or eta 0',
    );
  }
  for (const { clip } of plan) checkSamples(clip, samples, x.length);
  let current: Float32Array = x.slice();
  for (const [index, step] of plan.entries()) {
    const where = `step ${index + 1} of ${plan.length} (timestep ${step.timestep})`;
    const output = await denoise(current, step.timestep);
    checkOutput(output, current.length, where);
    let z: Float32Array | undefined;
    if (noise !== undefined && step.previous.noise !== 0) {
      z = new Float32Array(current.length);
      noise(index, z);
    }
    const next = applyStep(step, current, output, z, samples);
    current = next.x;
    await onStep?.({ index, total: plan.length, timestep: step.timestep, ...next });
  }
  return current;
}

/** @throws SamplingError if the model's output has not `length` finite values; `where` is the call of the model */
export function checkOutput(output: Float32Array, length: number, where: string): void {
  if (output.length !== length) {
    throw new SamplingError(
      `sampling: wanted ${length} values from the model at ${where}, got ${output.length}`,
    );
  }
  const bad = output.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new SamplingError(
      `sampling: the model gave ${output[bad]} at ${where}, element ${bad}; its weights or inputs are broken`,
    );
  }
}

/**
 * A noise source that fills each sample on its own, so that a sample depends on its own stream and not on the batch it is made
 * in.
 *
 * @param samples how many samples x holds
 * @param fill fills one sample's noise for one step
 * @throws SchedulerArgumentError (when used) if x does not divide into so many samples
 */
export function noisePerSample(
  samples: number,
  fill: (sample: number, stepIndex: number, out: Float32Array) => void,
): NoiseSource {
  return (stepIndex, out) => {
    const size = out.length / samples;
    if (!Number.isInteger(size)) {
      throw new SchedulerArgumentError(
        `noisePerSample: wanted ${out.length} values to divide into ${samples} samples; pass the number of samples in x`,
      );
    }
    for (let sample = 0; sample < samples; sample++) {
      fill(sample, stepIndex, out.subarray(sample * size, (sample + 1) * size));
    }
  };
}
