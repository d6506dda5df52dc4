import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relativeError } from '../test/golden.ts';
import { hasBetas, parseSchedulerConfig, type SchedulerConfig, schedulerNames } from './config.ts';
import { NoiseSchedule } from './noise-schedule.ts';
import { noisePerSample } from './run-plan.ts';
import { modelCalls, sampleWith, solverPlan } from './sample-with.ts';

/** One config of every class that visits whole timesteps and ends at the image itself, and some variants. */
const configs = [
  { _class_name: 'DDPMScheduler' },
  { _class_name: 'DDIMScheduler' },
  { _class_name: 'PNDMScheduler', set_alpha_to_one: true },
  { _class_name: 'PNDMScheduler', set_alpha_to_one: true, skip_prk_steps: true },
  { _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'trailing' },
  { _class_name: 'HeunDiscreteScheduler', timestep_spacing: 'trailing' },
  { _class_name: 'DPMSolverMultistepScheduler' },
  { _class_name: 'DPMSolverMultistepScheduler', solver_order: 3, solver_type: 'heun' },
  { _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'sde-dpmsolver++' },
  { _class_name: 'DPMSolverMultistepScheduler', use_lu_lambdas: true },
  ...['DDPMScheduler', 'DDIMScheduler', 'DPMSolverMultistepScheduler'].map((_class_name) => ({
    _class_name,
    thresholding: true,
    dynamic_thresholding_ratio: 0.6,
    sample_max_value: 3,
  })),
  { _class_name: 'CMStochasticIterativeScheduler' },
  { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 },
  { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3, invert_sigmas: true },
  { _class_name: 'FlowMatchEulerDiscreteScheduler', stochastic_sampling: true },
  { _class_name: 'EDMHeunScheduler' },
  { _class_name: 'EDMHeunScheduler', S_churn: 10 },
].map((config) => [JSON.stringify(config), parseSchedulerConfig({ clip_sample: false, ...config })] as const);

const normal = (seed: number, n: number): Float32Array => streamNormal(seed, 0, new Float32Array(n));

/** The raw output of a perfect network whose data is D(x; σ) = E[x_0 | x], for every kind of scheduler. */
function perfectNetwork(
  config: SchedulerConfig,
  image: (x: number, level: { alpha: number; sigma: number }, i: number) => number,
): (input: Float32Array, timestep: number) => Float32Array {
  const schedule = hasBetas(config) ? new NoiseSchedule(config) : undefined;
  return (input, t) =>
    input.map((x, i) => {
      if (schedule) {
        const { alpha, sigma } = schedule.addNoise(t);
        return (x - alpha * image(x, { alpha, sigma }, i)) / sigma; // ε
      }
      if (config._class_name === 'FlowMatchEulerDiscreteScheduler') {
        const sigma = t / config.num_train_timesteps;
        if (config.invert_sigmas) return (image(x, { alpha: sigma, sigma: 1 - sigma }, i) - x) / (1 - sigma);
        return (x - image(x, { alpha: 1 - sigma, sigma }, i)) / sigma; // ε − x_0
      }
      const consistency = config._class_name === 'CMStochasticIterativeScheduler';
      const sigma = Math.exp(consistency ? t / 250 : 4 * t);
      const least = consistency ? 0.002 : 0;
      const data = 0.5;
      const spread = Math.hypot(sigma, data);
      const noisy = x * spread;
      const skip = data ** 2 / ((sigma - least) ** 2 + data ** 2);
      const out = ((sigma - least) * data) / spread;
      return (image(noisy, { alpha: 1, sigma }, i) - skip * noisy) / out;
    });
}

describe('every sampler', () => {
  it('is among these', () => {
    expect(new Set(configs.map(([, config]) => config._class_name))).toEqual(new Set(schedulerNames));
  });

  it.each(configs)('ends at the one image that the network knows: %s', async (_, config) => {
    // Where ⌊T/S⌋ is odd, one of the two Runge–Kutta calls half way is told a timestep that is off by one, as in diffusers.
    const halves = config._class_name === 'PNDMScheduler' && !config.skip_prk_steps;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 4, max: 30 }),
        fc.nat({ max: 1000 }),
        fc.array(fc.double({ min: -0.95, max: 0.95, noNaN: true }), { minLength: 1, maxLength: 5 }),
        async (steps, seed, point) => {
          const found = await sampleWith({
            config,
            steps,
            x: normal(seed, point.length),
            samples: 1,
            denoise: perfectNetwork(config, (_x, _level, i) => point[i]!),
            noise: (index, out) => void streamNormal(seed, index + 1, out),
          });
          expect(relativeError(found, point, 1)).toBeLessThan(halves ? 0.01 : 1e-4);
        },
      ),
      { numRuns: 12 },
    );
  });

  it.each(configs)('makes a sample that does not depend on its batch: %s', async (_, config) => {
    const make = async (seeds: number[]): Promise<Float32Array> => {
      const x = new Float32Array(seeds.length * 3);
      seeds.forEach((seed, i) => x.set(normal(seed, 3), 3 * i));
      const fill = (i: number, step: number, out: Float32Array): void =>
        void streamNormal(seeds[i]!, step + 1, out);
      const denoise = (input: Float32Array, t: number): Float32Array =>
        input.map((value) => 0.5 * Math.sin(value + 0.01 * t));
      const samples = seeds.length;
      return sampleWith({ config, steps: 5, x, samples, denoise, noise: noisePerSample(samples, fill) });
    };
    const together = await make([7, 8, 9]);
    for (const [i, seed] of [7, 8, 9].entries()) {
      expect(await make([seed])).toEqual(together.slice(3 * i, 3 * i + 3));
    }
  });

  it.each(configs)('leaves x alone and reports every call: %s', async (_, config) => {
    const x = normal(3, 4);
    const told: number[] = [];
    let asked = 0;
    await sampleWith({
      config,
      steps: 6,
      x,
      samples: 2,
      denoise: (input) => (asked++, input.map((value) => value / 2)),
      noise: (_index, out) => void out.fill(0.5),
      onStep: ({ index }) => void told.push(index),
    });
    expect(x).toEqual(normal(3, 4));
    expect(asked).toBe(modelCalls(config, 6));
    expect(told).toEqual(Array.from({ length: asked }, (_v, i) => i));
  });
});

describe('relations between samplers', () => {
  const denoise = (x: Float32Array, t: number): Float32Array =>
    x.map((value) => 0.9 * Math.sin(1.3 * value + 0.002 * t));

  it.each([2, 10, 50])('Euler and first-order DPM-Solver++ are DDIM, in %i steps', async (steps) => {
    const config = (_class_name: string): SchedulerConfig =>
      parseSchedulerConfig({
        _class_name,
        timestep_spacing: 'trailing',
        clip_sample: false,
        solver_order: 1,
      });
    const x = normal(1, 6);
    const ddim = await sampleWith({ config: config('DDIMScheduler'), steps, x, denoise });
    const dpm = await sampleWith({ config: config('DPMSolverMultistepScheduler'), steps, x, denoise });
    expect(relativeError(dpm, ddim)).toBeLessThan(1e-5);
    // Euler begins at σ·x, which is σ·α·x in DDIM's coordinates: a little less than x.
    const euler = config('EulerDiscreteScheduler');
    const { sigma } = new NoiseSchedule({ _class_name: 'DDIMScheduler' }).addNoise(999);
    const found = await sampleWith({ config: euler, steps, x: x.map((value) => value / sigma), denoise });
    expect(relativeError(found, ddim)).toBeLessThan(1e-5);
  });

  it('EDM without churn draws no noise, and S_min and S_max bound where it churns', () => {
    const churns = (fields: object): boolean[] => {
      const config = parseSchedulerConfig({ _class_name: 'EDMHeunScheduler', ...fields });
      return solverPlan(config, { steps: 18 }).calls.map(({ churn }) => churn > 0);
    };
    expect(churns({})).not.toContain(true);
    const all = churns({ S_churn: 40 });
    expect(all).toEqual(all.map((_, n) => n % 2 === 0));
    const some = churns({ S_churn: 40, S_min: 0.05, S_max: 50 }).filter(Boolean).length;
    expect(some).toBeGreaterThan(5);
    expect(some).toBeLessThan(18);
  });
});

describe('the order of convergence', () => {
  // Data N(0, s²): D(x; σ) = x·s²/(s² + σ²), and the ODE takes x at σ to x·s/√(s² + σ²).
  const s = 0.5;
  const errorAt = async (config: SchedulerConfig, steps: number): Promise<number> => {
    const denoise = perfectNetwork(
      config,
      (x, { alpha, sigma }) => (x * alpha * s * s) / (alpha * alpha * s * s + sigma * sigma),
    );
    const found = await sampleWith({ config, steps, x: Float32Array.of(1), denoise });
    const { scale: first } = solverPlan(config, { steps });
    const exact = (first * s) / Math.hypot(s, first);
    return Math.abs(found[0]! / exact - 1);
  };

  it.each([
    ['first for Euler', { _class_name: 'EulerDiscreteScheduler', timestep_spacing: 'trailing' }, 1.7, 2.3],
    ['second for EDM', { _class_name: 'EDMHeunScheduler' }, 3.5, 5.5],
  ])('is %s', async (_, fields, least, most) => {
    const config = parseSchedulerConfig(fields);
    const errors = await Promise.all([20, 40, 80, 160].map((steps) => errorAt(config, steps)));
    for (const [i, error] of errors.slice(1).entries()) {
      expect(errors[i]! / error).toBeGreaterThan(least);
      expect(errors[i]! / error).toBeLessThan(most);
    }
  });
});
