import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SchedulerArgumentError } from '../errors.ts';
import { consistencyScales, risingSigmas, targetDecay } from './consistency-training.ts';

const range = { sigmaMin: 0.002, sigmaMax: 80, rho: 7 };
const published = { s0: 2, s1: 150, totalSteps: 800_000 };

describe('the schedule of consistency training', () => {
  // jcm/losses.py of openai/consistency_models_cifar10 at the settings of its launch script
  it.each([
    [0, 2, 0.81],
    [100_000, 54, 0.99603],
    [400_000, 107, 0.99801],
    [799_999, 151, 0.9986],
  ])('after %i of 800,000 updates: N = %i, μ = %d', (k, scales, decay) => {
    expect(consistencyScales(published, k)).toBe(scales);
    expect(targetDecay(2, 0.9, scales)).toBeCloseTo(decay, 5);
  });

  it('only adds σ, from s_0 to s_1 + 1, and then keeps them; the target only gets slower', () => {
    const curricula = fc.record({
      s0: fc.integer({ min: 2, max: 20 }),
      more: fc.nat(200),
      totalSteps: fc.integer({ min: 1, max: 3000 }),
    });
    fc.assert(
      fc.property(curricula, fc.nat(4000), ({ s0, more, totalSteps }, k) => {
        const curriculum = { s0, s1: s0 + more, totalSteps };
        const [now, next] = [consistencyScales(curriculum, k), consistencyScales(curriculum, k + 1)];
        expect(next).toBeGreaterThanOrEqual(now);
        expect(now).toBeGreaterThanOrEqual(s0);
        expect(now).toBeLessThanOrEqual(s0 + more + 1);
        expect(targetDecay(s0, 0.9, next)).toBeGreaterThanOrEqual(targetDecay(s0, 0.9, now));
        expect(consistencyScales(curriculum, totalSteps + k)).toBe(s0 + more + 1);
      }),
    );
  });

  it('refuses updates that cannot be counted', () => {
    expect(() => consistencyScales(published, -1)).toThrow(SchedulerArgumentError);
    expect(() => consistencyScales(published, 1.5)).toThrow(/from 0, got 1.5/);
  });
});

describe('risingSigmas', () => {
  it('rises from σ_min to σ_max, evenly in σ^(1/7)', () => {
    const sigmas = risingSigmas(18, range);
    expect([sigmas[0], sigmas[17]]).toEqual([0.002, 80]);
    const roots = [...sigmas].map((sigma) => sigma ** (1 / 7));
    for (let i = 1; i < 18; i++) {
      expect(roots[i]! - roots[i - 1]!).toBeCloseTo((80 ** (1 / 7) - 0.002 ** (1 / 7)) / 17, 12);
    }
  });

  it('wants two of them', () => {
    expect([...risingSigmas(2, range)]).toEqual([0.002, 80]);
    expect(() => risingSigmas(1, range)).toThrow(/from 2, got 1/);
  });
});
