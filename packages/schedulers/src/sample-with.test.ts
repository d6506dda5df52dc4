import { describe, expect, it } from 'vitest';
import { model, noise, relativeError, start } from '../test/golden.ts';
import { samplersGolden } from '../test/samplers-golden.ts';
import { parseSchedulerConfig } from './config.ts';
import { type StepReport } from './run-plan.ts';
import { type CallRecord, takeCall } from './run-solver.ts';
import { modelCalls, sampleWith, solverPlan } from './sample-with.ts';

type Recorded = (typeof samplersGolden.runs)[number];

const SIZE = 4;
const begin = start().slice(0, SIZE);

/** generate.py's noise for a call. */
function noiseOf(index: number, out: Float32Array = new Float32Array(SIZE)): Float32Array {
  noise(index, out);
  return out;
}

/** Difference from a recorded x, relative to the largest number before or after the call: golden/README.md. */
function errorAt(run: Recorded, index: number, x: Float32Array): number {
  const before = run.calls[index - 1]?.x ?? run.begin;
  return relativeError(x, run.calls[index]!.x, Math.max(...before.map(Math.abs)));
}

describe('runs of diffusers’ samplers, and of EDM’s Algorithm 2', () => {
  const runs = samplersGolden.runs.map((run) => {
    const what = { ...run.config, steps: run.steps, timesteps: run.timesteps, mu: run.mu };
    return [JSON.stringify(what), run] as const;
  });

  it.each(runs)('are taken call by call to 1e-6: %s', async (_, run) => {
    const { calls } = solverPlan(parseSchedulerConfig(run.config), run);
    expect(calls.length).toBe(run.calls.length);
    const records = new Map<number, CallRecord>();
    let x = Float32Array.from(run.begin);
    for (const [index, call] of calls.entries()) {
      const recorded = run.calls[index]!;
      expect(Math.abs(call.timestep - recorded.t)).toBeLessThan(1e-6 * Math.max(1, Math.abs(recorded.t)));
      const state = { x, records, z: noiseOf(index) };
      const taken = await takeCall(call, index, { state, denoise: model, where: `call ${index}` });
      expect(errorAt(run, index, taken.x)).toBeLessThan(1e-6);
      x = Float32Array.from(recorded.x);
    }
  });

  it.each(runs)('are followed to the end: %s', async (_, run) => {
    const { calls, config, steps, timesteps, mu } = run;
    const reports: StepReport[] = [];
    const result = await sampleWith({
      steps,
      ...(timesteps && { timesteps }),
      ...(mu !== undefined && { mu }),
      config: parseSchedulerConfig(config),
      x: begin,
      denoise: model,
      noise: (index, out) => void noiseOf(index, out),
      onStep: (report) => void reports.push(report),
    });
    expect(reports.map(({ index, total }) => [index, total])).toEqual(
      calls.map((__, index) => [index, calls.length]),
    );
    const tolerance = 'rescale_betas_zero_snr' in config ? 2e-5 : 1e-5;
    for (const { index, x } of reports) expect(errorAt(run, index, x)).toBeLessThan(tolerance);
    expect(result).toEqual(reports.at(-1)?.x);
    if (mu === undefined && timesteps === undefined) {
      expect(modelCalls(parseSchedulerConfig(config), steps)).toBe(reports.length);
    }
  });
});
