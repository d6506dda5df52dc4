import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SchedulerArgumentError } from '../errors.ts';
import { flowTime } from './flow-matching.ts';

const uniform = { kind: 'uniform' } as const;
const logitNormal = { kind: 'logit-normal', mean: 0, std: 1 } as const;

describe('flowTime', () => {
  it('is the uniform number itself, or the sigmoid of a normal one', () => {
    expect(flowTime(uniform, 0.3)).toBe(0.3);
    expect(flowTime(logitNormal, 0)).toBe(0.5);
    expect(flowTime({ ...logitNormal, mean: 1, std: 2 }, -1)).toBeCloseTo(1 / (1 + Math.E), 14);
  });

  it('is shifted towards noise as FlowMatchEulerDiscreteScheduler shifts: 0.5 becomes 0.75 at 3', () => {
    expect(flowTime(uniform, 0.5, 3)).toBe(0.75);
    const shifts = fc.double({ min: 1, max: 10, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), shifts, (u, shift) => {
        const t = flowTime(uniform, u, shift);
        expect(t).toBeGreaterThanOrEqual(u - 1e-12);
        expect(t).toBeLessThanOrEqual(1);
        expect(t / (shift - (shift - 1) * t)).toBeCloseTo(u, 9);
      }),
    );
  });

  it('refuses what is no uniform number, and a shift that is not positive', () => {
    expect(() => flowTime(uniform, 1)).toThrow(SchedulerArgumentError);
    expect(() => flowTime(logitNormal, 0, 0)).toThrow(/shift above 0, got 0/);
  });
});
