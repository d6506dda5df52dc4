import { streamNormal } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { golden, model, noise, relativeError, start } from '../test/golden.ts';
import { ddimPlan, ddimStep, sampleDdim } from './ddim.ts';
import { ddpmPlan, sampleDdpm } from './ddpm.ts';
import { SamplingError, SchedulerArgumentError } from './errors.ts';
import { NoiseSchedule } from './noise-schedule.ts';
import { noisePerSample, type StepReport } from './run-plan.ts';
import { applyStep, linearStep } from './step.ts';

const label = (run: (typeof golden.trajectories)[number]): string =>
  `${JSON.stringify(run.config)} ${run.steps} steps${run.eta === undefined ? '' : `, eta ${run.eta}`}`;

describe('trajectories of diffusers', () => {
  // golden/README.md says where these tolerances come from.
  const runs = golden.trajectories.filter((run) => run.finite).map((run) => [label(run), run] as const);

  it.each(runs)('are taken step by step to 1e-6: %s', (_, run) => {
    const schedule = new NoiseSchedule(run.config);
    const plan =
      run.eta === undefined ? ddpmPlan(schedule, run.steps) : ddimPlan(schedule, run.steps, run.eta);
    expect(plan.length).toBe(run.steps);
    const z = new Float32Array(8);
    for (const { index, t, before, x, x0 } of run.trajectory) {
      const step = plan[index]!;
      expect(step.timestep).toBe(t);
      noise(index, z);
      const from = Float32Array.from(before);
      const found = applyStep(step, from, model(from, t), z, run.samples);
      expect(relativeError(found.x, x)).toBeLessThan(1e-6);
      const amplified = 1 / Math.max(schedule.addNoise(t).alpha, 1e-3);
      expect(relativeError(found.x0, x0, amplified)).toBeLessThan(1e-6);
    }
  });

  it.each(runs)('are followed to the end: %s', async (_, run) => {
    const reports: StepReport[] = [];
    const common = {
      schedule: new NoiseSchedule(run.config),
      steps: run.steps,
      denoise: model,
      x: start(),
      noise,
      ...(run.samples !== undefined && { samples: run.samples }),
      onStep: (report: StepReport) => void reports.push(report),
    };
    const result =
      run.eta === undefined ? await sampleDdpm(common) : await sampleDdim({ ...common, eta: run.eta });
    for (const { index, x } of run.trajectory) {
      expect(relativeError(reports[index]!.x, x)).toBeLessThan(run.steps > 100 ? 5e-6 : 1e-6);
    }
    expect(result).toEqual(reports.at(-1)?.x);
  });

  it('are not followed into the NaN of fixed_large_log, which equals fixed_large here', async () => {
    const broken = golden.trajectories.filter((run) => !run.finite).map((run) => run.config);
    expect(broken).toEqual([{ _class_name: 'DDPMScheduler', variance_type: 'fixed_large_log' }]);
    const [log, large] = (['fixed_large_log', 'fixed_large'] as const).map((variance_type) =>
      ddpmPlan(new NoiseSchedule({ _class_name: 'DDPMScheduler', variance_type }), 10),
    );
    log!.forEach((step, i) => {
      expect(step.previous.noise).toBeCloseTo(large![i]!.previous.noise, 6);
    });
  });
});

describe('linearStep', () => {
  const x = start();
  const output = model(x, 3);
  const z = new Float32Array(8);
  noise(0, z);

  it.each([
    ...(['epsilon', 'sample', 'v_prediction'] as const).flatMap((prediction_type) =>
      [true, false].map((clip_sample) => ({ prediction_type, clip_sample })),
    ),
  ])('is the same step multiplied out: %j', (fields) => {
    const schedule = new NoiseSchedule({ _class_name: 'DDIMScheduler', ...fields });
    for (const step of [...ddimPlan(schedule, 5, 0.7), ...ddpmPlan(schedule, 5)]) {
      const linear = linearStep(step);
      const limit = linear.clip ?? Infinity;
      const wanted = applyStep(step, x, output, z);
      const found = x.map((value, i) => {
        const x0 = linear.x0.sample * value + linear.x0.output * output[i]!;
        return (
          linear.sample * value +
          linear.output * output[i]! +
          linear.clippedX0 * Math.min(Math.max(x0, -limit), limit) +
          linear.noise * z[i]!
        );
      });
      // x0 = (x − σε)/α is a difference that nearly cancels at the noisy end: 1/α (157) float32 roundings.
      expect(relativeError(found, wanted.x)).toBeLessThan(1e-5);
      expect(linear.clippedX0 === 0).toBe(!fields.clip_sample);
    }
  });
});

describe('thresholding', () => {
  const schedule = new NoiseSchedule({ _class_name: 'DDIMScheduler', thresholding: true });

  it('is no linear step', () => {
    for (const step of [...ddimPlan(schedule, 5), ...ddpmPlan(schedule, 5)]) {
      expect(() => linearStep(step)).toThrow(SchedulerArgumentError);
      expect(() => linearStep(step)).toThrow(/thresholding divides x0 by a quantile of each sample/);
    }
  });

  it('wants the number of samples before it asks the model', async () => {
    let asked = 0;
    const run = { schedule, steps: 4, denoise: (x: Float32Array) => (asked++, x), x: start() };
    await expect(sampleDdim(run)).rejects.toThrow(
      /thresholding .* wanted samples, .* \(8 values\), got none/,
    );
    await expect(sampleDdim({ ...run, samples: 3 })).rejects.toThrow(/got 3/);
    await expect(sampleDdim({ ...run, samples: 0 })).rejects.toThrow(/got 0/);
    expect(asked).toBe(0);
    expect(() => applyStep(ddimPlan(schedule, 4)[0]!, start(), start())).toThrow(/wanted samples/);
  });
});

describe('samplers', () => {
  const schedule = new NoiseSchedule({ _class_name: 'DDIMScheduler', clip_sample: false });

  it('recover the one image that the model knows', async () => {
    // The ideal ε for a data set of a single image: DDIM must end on it at any number of steps, DDPM too.
    const image = Float32Array.of(0.3, -0.9, 0.1, 0.6);
    const denoise = (x: Float32Array, t: number): Float32Array => {
      const { alpha, sigma } = schedule.addNoise(t);
      return x.map((value, i) => (value - alpha * image[i]!) / sigma);
    };
    const x = streamNormal(1, 0, new Float32Array(4));
    const fill = (step: number, out: Float32Array): void => void streamNormal(2, step, out);
    for (const steps of [1, 3, 10]) {
      for (const eta of [0, 1]) {
        const found = await sampleDdim({ schedule, steps, eta, denoise, x, noise: fill });
        expect(relativeError(found, image)).toBeLessThan(1e-4);
      }
    }
    expect(
      relativeError(await sampleDdpm({ schedule, steps: 20, denoise, x, noise: fill }), image),
    ).toBeLessThan(1e-4);
  });

  it('give the variance of DDPM for eta 1', () => {
    const ddim = ddimPlan(schedule, 10, 1);
    const ddpm = ddpmPlan(schedule, 10);
    ddim.slice(0, -1).forEach((step, i) => {
      expect(step.previous.noise / ddpm[i]!.previous.noise).toBeCloseTo(1, 6);
    });
  });

  it('give a sample that does not depend on the batch it was made in', async () => {
    const denoise = (x: Float32Array): Float32Array => x.map((value) => 0.5 * Math.sin(value));
    const run = async (seeds: number[]): Promise<Float32Array> => {
      const x = new Float32Array(seeds.length * 4);
      seeds.forEach((seed, i) => streamNormal(seed, 0, x.subarray(4 * i, 4 * i + 4)));
      const fill = noisePerSample(
        seeds.length,
        (i, step, out) => void streamNormal(seeds[i]!, 1, out, 4 * step),
      );
      return sampleDdim({ schedule, steps: 6, eta: 1, denoise, x, noise: fill });
    };
    const together = await run([11, 12, 13]);
    expect(await run([12])).toEqual(together.slice(4, 8));
    expect(() => noisePerSample(3, () => undefined)(0, new Float32Array(8))).toThrow(
      /8 values to divide into 3/,
    );
  });

  it('leave x alone', async () => {
    const x = start();
    await sampleDdim({ schedule, steps: 2, denoise: model, x });
    expect(x).toEqual(start());
  });

  it('stop at the step where the model breaks', async () => {
    const at = (bad: (x: Float32Array) => Float32Array): Promise<Float32Array> =>
      sampleDdim({
        schedule,
        steps: 4,
        x: start(),
        denoise: (x, t) => (t === 500 ? bad(x) : x),
      });
    await expect(at((x) => x.with(3, NaN))).rejects.toThrow(
      /the model gave NaN at step 2 of 4 \(timestep 500\), element 3/,
    );
    await expect(at((x) => x.slice(1))).rejects.toThrow(SamplingError);
  });

  it('say what is missing or out of range', async () => {
    const needs = { schedule, steps: 4, denoise: model, x: start() };
    await expect(sampleDdpm(needs)).rejects.toThrow(/no noise source came/);
    await expect(sampleDdim({ ...needs, eta: 0.5 })).rejects.toThrow(/or eta 0/);
    await expect(sampleDdim({ ...needs, eta: 1.5 })).rejects.toThrow(/eta from 0 to 1, got 1.5/);
    await expect(sampleDdim({ ...needs, steps: 1001 })).rejects.toThrow(/from 1 to 1000/);
    const step = ddimStep(schedule, 500, 250, 1);
    expect(() => applyStep(step, start(), start())).toThrow(/timestep 500 adds noise, but none came/);
    expect(() => applyStep(step, start(), new Float32Array(2), start())).toThrow(
      /one length, got 8, 2 and 8/,
    );
    const zeroSnr = new NoiseSchedule({ _class_name: 'DDIMScheduler', rescale_betas_zero_snr: true });
    expect(() => ddimStep(zeroSnr, 999, 499)).toThrow(/v_prediction/);
  });
});
