import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { erf } from './erf.ts';

describe('erf', () => {
  // scipy.special.erf
  it.each([
    [1e-8, 1.1283791670955125e-8],
    [0.1, 0.1124629160182849],
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497148],
    [2, 0.9953222650189527],
    [3.5, 0.9999992569016276],
    [5, 0.9999999999984626],
  ])('erf(%d) as SciPy has it', (x, value) => {
    expect(Math.abs(erf(x) / value - 1)).toBeLessThan(1e-15);
  });

  it('is odd, rises and ends at ±1', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -8, max: 8, noNaN: true }),
        fc.double({ min: 1e-3, max: 1, noNaN: true }),
        (x, more) => {
          expect(erf(-x)).toBe(-erf(x));
          expect(Math.abs(erf(x))).toBeLessThanOrEqual(1);
          expect(erf(x + more)).toBeGreaterThanOrEqual(erf(x));
        },
      ),
    );
    expect([erf(0), erf(6), erf(-Infinity)]).toEqual([0, 1, -1]);
  });
});
