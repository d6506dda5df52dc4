import { streamUniform } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { NoiseSchedule } from './noise-schedule.ts';
import { lossWeight, trainingDraw } from './training-draw.ts';

const schedule = new NoiseSchedule({ _class_name: 'DDPMScheduler' });

describe('trainingDraw', () => {
  it('maps u to ⌊uT⌋ with that timestep’s α and σ', () => {
    const draw = trainingDraw(schedule, Float32Array.of(0, 0.25, 0.5, 1 - 2 ** -24));
    expect([...draw.timesteps]).toEqual([0, 250, 500, 999]);
    draw.timesteps.forEach((t, i) => {
      expect({ alpha: draw.alpha[i], sigma: draw.sigma[i] }).toEqual(schedule.addNoise(t));
    });
    expect([...draw.weight]).toEqual([1, 1, 1, 1]);
  });

  it('draws every timestep equally often', () => {
    const n = 50_000;
    const bins = new Float64Array(10);
    const draw = trainingDraw(schedule, streamUniform(3, 0, new Float32Array(n)));
    draw.timesteps.forEach((t) => (bins[Math.floor(t / 100)]! += 1));
    const chiSquare = bins.reduce((sum, count) => sum + (count - n / 10) ** 2 / (n / 10), 0);
    expect(chiSquare).toBeLessThan(33.7); // 9 degrees of freedom, p = 1e-4
  });

  it('weights all predictions to the same x0 loss under min-SNR', () => {
    // An ε error e is an x0 error e/√SNR, a v error e is an x0 error e/√(SNR + 1).
    const weighting = { kind: 'min-snr', gamma: 5 } as const;
    for (const t of [0, 100, 300, 700, 999]) {
      const snr = schedule.snr(t);
      const onX0 = lossWeight(weighting, 'sample', snr);
      expect(onX0).toBe(Math.min(snr, 5));
      expect(lossWeight(weighting, 'epsilon', snr) * snr).toBeCloseTo(onX0, 10);
      expect(lossWeight(weighting, 'v_prediction', snr) * (snr + 1)).toBeCloseTo(onX0, 10);
    }
    expect(trainingDraw(schedule, Float32Array.of(0.9), weighting).weight[0]).toBe(1);
  });

  it('refuses a uniform outside [0, 1) and a gamma that is not positive', () => {
    expect(() => trainingDraw(schedule, Float32Array.of(0.5, 1))).toThrow(/got 1 at 1/);
    expect(() => lossWeight({ kind: 'min-snr', gamma: 0 }, 'epsilon', 1)).toThrow(/gamma above 0, got 0/);
  });
});
