import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SchedulerArgumentError } from '../errors.ts';
import { tuningPartner, tuningStage } from './easy-consistency-tuning.ts';

const schedule = { q: 2, k: 8, b: 1, stageSteps: 25_000 };

describe('the schedule of easy consistency tuning', () => {
  it('is a diffusion model’s at first wherever t is small', () => {
    // 1 + 8 · sigmoid(−t) ≥ 2 for t ≤ ln 7
    expect(tuningPartner(schedule, 0.5, 0)).toBe(0);
    expect(tuningPartner(schedule, Math.log(7) - 1e-9, 0)).toBe(0);
    expect(tuningPartner(schedule, 80, 0)).toBeCloseTo(40, 12);
  });

  it('has r by its formula in later stages', () => {
    const adjusted = 1 + 8 / (1 + Math.exp(0.7));
    expect(tuningPartner(schedule, 0.7, 3)).toBeCloseTo(0.7 * (1 - adjusted / 16), 14);
  });

  it('only comes nearer, and never to t', () => {
    const levels = fc.double({ min: 1e-3, max: 200, noNaN: true });
    fc.assert(
      fc.property(levels, fc.nat(12), (t, stage) => {
        const r = tuningPartner(schedule, t, stage);
        expect(r).toBeGreaterThanOrEqual(0);
        expect(r).toBeLessThan(t);
        expect(tuningPartner(schedule, t, stage + 1)).toBeGreaterThanOrEqual(r);
      }),
    );
  });

  it('counts stages by updates', () => {
    expect([0, 24_999, 25_000, 199_999].map((k) => tuningStage(schedule, k))).toEqual([0, 0, 1, 7]);
    expect(() => tuningStage(schedule, -1)).toThrow(SchedulerArgumentError);
    expect(() => tuningPartner({ ...schedule, q: 1 }, 1, 0)).toThrow(/q above 1, got 1/);
  });
});
