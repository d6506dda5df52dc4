import { describe, expect, it } from 'vitest';
import { model, noise, relativeError, start } from '../test/golden.ts';
import { samplersGolden } from '../test/samplers-golden.ts';
import { parseSchedulerConfig } from './config.ts';
import { sampleDdim } from './ddim.ts';
import { sampleDdpm } from './ddpm.ts';
import { SamplingError, SchedulerArgumentError } from './errors.ts';
import { NoiseSchedule } from './noise-schedule.ts';
import { type StepReport } from './run-plan.ts';
import { type CallRecord, takeCall } from './run-solver.ts';
import { defaultSteps, maximumSteps, modelCalls, sampleWith, solverPlan } from './sample-with.ts';

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

  it.each(runs)('are taken call by call: %s', async (_, run) => {
    const { calls } = solverPlan(parseSchedulerConfig(run.config), run);
    expect(calls.length).toBe(run.calls.length);
    const records = new Map<number, CallRecord>();
    let x = Float32Array.from(run.begin);
    for (const [index, call] of calls.entries()) {
      const recorded = run.calls[index]!;
      expect(Math.abs(call.timestep - recorded.t)).toBeLessThan(1e-6 * Math.max(1, Math.abs(recorded.t)));
      const state = { x, records, z: noiseOf(index), samples: run.samples };
      const taken = await takeCall(call, index, { state, denoise: model, where: `call ${index}` });
      expect(errorAt(run, index, taken.x)).toBeLessThan(1e-6);
      x = Float32Array.from(recorded.x);
    }
  });

  it.each(runs)('are followed to the end: %s', async (_, run) => {
    const { calls, config, steps, timesteps, mu, samples } = run;
    const reports: StepReport[] = [];
    const result = await sampleWith({
      steps,
      ...(timesteps && { timesteps }),
      ...(mu !== undefined && { mu }),
      ...(samples !== undefined && { samples }),
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

describe('sampleWith', () => {
  const run = {
    steps: 5,
    x: begin,
    denoise: model,
    noise: (i: number, out: Float32Array) => void noiseOf(i, out),
  };
  const named = (_class_name: string, fields: object = {}) =>
    parseSchedulerConfig({ _class_name, ...fields });

  it('is sampleDdim and sampleDdpm under their names', async () => {
    const ddim = named('DDIMScheduler');
    const ddpm = named('DDPMScheduler');
    expect(await sampleWith({ config: ddim, eta: 0.5, ...run })).toEqual(
      await sampleDdim({ schedule: new NoiseSchedule(ddim), eta: 0.5, ...run }),
    );
    expect(await sampleWith({ config: ddpm, ...run })).toEqual(
      await sampleDdpm({ schedule: new NoiseSchedule(ddpm), ...run }),
    );
  });

  it('says how many calls a run makes, how many steps are usual and how many there can be', () => {
    const counts = (config: ReturnType<typeof named>): unknown[] => [
      modelCalls(config, 8),
      defaultSteps(config),
      maximumSteps(config),
    ];
    expect(counts(named('DDPMScheduler'))).toEqual([8, 1000, 1000]);
    expect(counts(named('DDIMScheduler'))).toEqual([8, undefined, 1000]);
    expect(counts(named('PNDMScheduler'))).toEqual([17, undefined, 1000]);
    expect(counts(named('PNDMScheduler', { skip_prk_steps: true }))).toEqual([9, undefined, 1000]);
    expect(counts(named('EulerDiscreteScheduler'))).toEqual([8, undefined, 1000]);
    expect(counts(named('HeunDiscreteScheduler'))).toEqual([15, undefined, 1000]);
    expect(counts(named('DPMSolverMultistepScheduler'))).toEqual([8, undefined, 999]);
    expect(counts(named('CMStochasticIterativeScheduler'))).toEqual([8, 1, 40]);
    expect(counts(named('FlowMatchEulerDiscreteScheduler', { use_dynamic_shifting: true }))).toEqual([
      8,
      undefined,
      Infinity,
    ]);
    expect(counts(named('EDMHeunScheduler'))).toEqual([15, 18, Infinity]);
  });

  it.each([
    ['PNDMScheduler', {}, { steps: 3 }, /PNDMScheduler: wanted .* from 4 to 1000, got 3/],
    ['PNDMScheduler', {}, { steps: 1001 }, /from 4 to 1000, got 1001/],
    ['EulerDiscreteScheduler', {}, { steps: 0 }, /from 1 to 1000 .*, got 0/],
    ['HeunDiscreteScheduler', {}, { steps: 2.5 }, /got 2.5/],
    ['DPMSolverMultistepScheduler', {}, { steps: 1000 }, /from 1 to 999, got 1000/],
    ['DPMSolverMultistepScheduler', { lambda_min_clipped: 0 }, { steps: 500 }, /from 1 to 2\d\d, got 500/],
    ['CMStochasticIterativeScheduler', {}, { steps: 41 }, /from 1 to 40, got 41/],
    ['FlowMatchEulerDiscreteScheduler', {}, { steps: 0 }, /of at least 1, got 0/],
    ['EDMHeunScheduler', {}, { steps: NaN }, /of at least 1, got NaN/],
    ['EDMHeunScheduler', {}, { eta: 1 }, /EDMHeunScheduler: has no eta, got 1; leave it out/],
    ['DDIMScheduler', {}, { timesteps: [5, 3] }, /DDIMScheduler: has no timesteps, got 5,3/],
    ['PNDMScheduler', {}, { mu: 1 }, /has no mu/],
    ['EulerDiscreteScheduler', {}, { timesteps: [5, 3] }, /wanted 5 timesteps, one a step, got 2/],
    [
      'HeunDiscreteScheduler',
      {},
      { steps: 2, timesteps: [5, 5] },
      /falling timesteps from 999 to 0, got 5 at 1/,
    ],
    [
      'CMStochasticIterativeScheduler',
      {},
      { steps: 1, timesteps: [40] },
      /falling timesteps from 39 to 0, got 40 at 0/,
    ],
    [
      'EulerDiscreteScheduler',
      { use_karras_sigmas: true },
      { steps: 1, timesteps: [5] },
      /wanted no timesteps where the config chooses σ/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { use_karras_sigmas: true },
      { steps: 1, timesteps: [5] },
      /wanted no timesteps with use_karras_sigmas/,
    ],
    ['FlowMatchEulerDiscreteScheduler', { use_dynamic_shifting: true }, {}, /wants mu/],
    ['FlowMatchEulerDiscreteScheduler', {}, { mu: 1 }, /wanted no mu where use_dynamic_shifting is false/],
    ['FlowMatchEulerDiscreteScheduler', { shift_terminal: 0.1 }, { steps: 1 }, /at least 2 steps, got 1/],
    [
      'DPMSolverMultistepScheduler',
      { use_lu_lambdas: true },
      { steps: 1, timesteps: [5] },
      /wanted no timesteps with .*use_lu_lambdas/,
    ],
    [
      'DPMSolverMultistepScheduler',
      { thresholding: true },
      {},
      /thresholding takes a quantile of each sample; wanted samples/,
    ],
    ['DDPMScheduler', { thresholding: true }, { samples: 3 }, /\(4 values\), got 3/],
    ['EDMHeunScheduler', { S_churn: 4 }, { noise: undefined }, /no noise source came/],
  ])('refuses %s %j %j', async (name, fields, settings, message) => {
    const attempt = sampleWith({ ...run, ...settings, config: named(name, fields) } as Parameters<
      typeof sampleWith
    >[0]);
    await expect(attempt).rejects.toThrow(SchedulerArgumentError);
    await expect(attempt).rejects.toThrow(message);
  });

  it('stops at the call where the model breaks', async () => {
    let calls = 0;
    const broken = (x: Float32Array): Float32Array => (calls++ === 3 ? x.with(2, NaN) : x);
    const attempt = sampleWith({ ...run, config: named('HeunDiscreteScheduler'), denoise: broken });
    await expect(attempt).rejects.toThrow(SamplingError);
    await expect(attempt).rejects.toThrow(/NaN at step 4 of 9 .*, element 2/);
  });

  it('has coefficients of another form for DDPM and DDIM', () => {
    expect(() => solverPlan(named('DDIMScheduler'), { steps: 5 })).toThrow(/wanted ddpmPlan or ddimPlan/);
    expect(() => new NoiseSchedule(named('EDMHeunScheduler'))).toThrow(/EDMHeunScheduler, which has none/);
  });
});
