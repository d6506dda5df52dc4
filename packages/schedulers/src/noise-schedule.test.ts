import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksum, golden, relativeError } from '../test/golden.ts';
import { NoiseSchedule } from './noise-schedule.ts';
import { trainingTarget } from './prediction.ts';

describe('NoiseSchedule', () => {
  describe.each(golden.schedules)('against diffusers: $config', (record) => {
    const schedule = new NoiseSchedule(record.config);

    it('has the same β and ᾱ', () => {
      record.at.forEach((t, i) => {
        expect(relativeError([schedule.betas[t]!], [record.betas[i]!])).toBeLessThan(1e-6);
        // The floor is for ᾱ = 0, where it must be 0 exactly.
        expect(relativeError([schedule.alphaCumprod(t)], [record.alphas_cumprod[i]!], 1e-12)).toBeLessThan(
          1e-6,
        );
      });
    });

    it('adds noise and makes v targets alike', () => {
      const [x0, epsilon] = [0.7, -1.3];
      const noisy = record.at.map((t) => {
        const { alpha, sigma } = schedule.addNoise(t);
        return alpha * x0 + sigma * epsilon;
      });
      const velocity = record.at.map((t) => {
        const target = trainingTarget('v_prediction', schedule.addNoise(t));
        return target.x0 * x0 + target.noise * epsilon;
      });
      expect(relativeError(noisy, record.add_noise)).toBeLessThan(1e-6);
      expect(relativeError(velocity, record.velocity)).toBeLessThan(1e-6);
    });
  });

  // PyTorch's square root and exponential, and so its zero-SNR and sigmoid schedules, may be off by a last bit: golden/README.md.
  const rounded = ({ config }: (typeof golden.schedules)[number]): boolean =>
    'rescale_betas_zero_snr' in config || ('beta_schedule' in config && config.beta_schedule === 'sigmoid');
  it.each(golden.schedules.filter((record) => !rounded(record)))(
    'has diffusers’ β and ᾱ to the last bit: $config',
    (record) => {
      const schedule = new NoiseSchedule(record.config);
      expect(checksum(schedule.betas)).toBe(record.betas_checksum);
      expect(checksum(schedule.alphasCumprod)).toBe(record.alphas_cumprod_checksum);
    },
  );

  it('has the published ᾱ of the linear and the scaled linear schedule', () => {
    const linear = new NoiseSchedule({ _class_name: 'DDPMScheduler' });
    expect(linear.alphaCumprod(0)).toBeCloseTo(0.9999, 7);
    expect(linear.alphaCumprod(999) / 4.03583e-5).toBeCloseTo(1, 5);
    const scaled = new NoiseSchedule({
      _class_name: 'DDPMScheduler',
      beta_schedule: 'scaled_linear',
      beta_start: 0.00085,
      beta_end: 0.012,
    });
    expect(scaled.alphaCumprod(0)).toBeCloseTo(0.99915, 7);
    expect(scaled.alphaCumprod(999) / 0.0046601).toBeCloseTo(1, 5);
  });

  it('falls in ᾱ and SNR, keeps α² + σ² = 1, and has β in (0, 1)', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('linear' as const, 'scaled_linear' as const, 'squaredcos_cap_v2' as const),
        fc.integer({ min: 2, max: 1000 }),
        fc.double({ min: 1e-5, max: 1e-3, noNaN: true }),
        fc.double({ min: 2e-3, max: 0.05, noNaN: true }),
        (beta_schedule, num_train_timesteps, beta_start, beta_end) => {
          const schedule = new NoiseSchedule({
            _class_name: 'DDIMScheduler',
            beta_schedule,
            num_train_timesteps,
            beta_start,
            beta_end,
          });
          const broken = Array.from(schedule.betas.keys()).filter((t) => {
            const { alpha, sigma } = schedule.addNoise(t);
            const beta = schedule.betas[t]!;
            const falls = t === 0 || schedule.snr(t) < schedule.snr(t - 1);
            return !(falls && beta > 0 && beta < 1 && Math.abs(alpha ** 2 + sigma ** 2 - 1) < 1e-6);
          });
          expect(broken).toEqual([]);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('ends in pure noise when rescaled to zero terminal SNR', () => {
    const schedule = new NoiseSchedule({ _class_name: 'DDPMScheduler', rescale_betas_zero_snr: true });
    expect(schedule.addNoise(999)).toEqual({ alpha: 0, sigma: 1 });
    expect(schedule.snr(999)).toBe(0);
    expect(
      () =>
        new NoiseSchedule({
          _class_name: 'DDPMScheduler',
          rescale_betas_zero_snr: true,
          num_train_timesteps: 1,
        }),
    ).toThrow(/rescale_betas_zero_snr/);
  });

  it.each([-1, 1000, 0.5, NaN])('refuses timestep %s', (t) => {
    expect(() => new NoiseSchedule({ _class_name: 'DDPMScheduler' }).addNoise(t)).toThrow(
      /wanted a timestep from 0 to 999/,
    );
  });
});
