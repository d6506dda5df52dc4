import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrainerError } from '../errors.ts';
import { meanInterval, pairedChange, pairedDifference } from './interval.ts';

describe('meanInterval', () => {
  it('is what scipy.stats.t.interval(0.95) gives', () => {
    const found = meanInterval([8.64, 8.39, 9.67]);
    expect(found.mean).toBeCloseTo(8.9, 12);
    expect(found.low).toBeCloseTo(7.21463, 4);
    expect(found.high).toBeCloseTo(10.58537, 4);
  });

  it('has no ends for one value, and equal ones for equal values', () => {
    expect(meanInterval([3])).toEqual({ mean: 3, count: 1 });
    expect(meanInterval([2, 2, 2])).toEqual({ mean: 2, low: 2, high: 2, count: 3 });
    expect(() => meanInterval([])).toThrow(TrainerError);
  });

  it.each([
    [32, 2.03951],
    [60, 2.001],
    [1000, 1.96234],
  ])('knows Student’s t of %i values', (count, t) => {
    // As many 1 as −1: the deviation of their mean is 1/√(n − 1).
    const values = Array.from({ length: count }, (_, i) => (i % 2 ? 1 : -1));
    expect(meanInterval(values).high! * Math.sqrt(count - 1)).toBeCloseTo(t, 3);
  });
});

describe('paired comparisons', () => {
  it('take out what both arms share', () => {
    expect(pairedDifference([10, 20, 30], [9, 19, 29])).toEqual({ mean: -1, low: -1, high: -1, count: 3 });
    const { mean, low, high } = pairedChange([10, 20, 40], [5, 10, 20]);
    for (const value of [mean, low!, high!]) expect(value).toBeCloseTo(-0.5, 12);
  });

  it('average ratios as logarithms', () => {
    expect(pairedChange([1, 1], [2, 0.5]).mean).toBeCloseTo(0, 12);
    // The logarithms of 0.5 and 0.8 in scipy: −0.458145, from −3.444127 to 2.527836.
    const found = pairedChange([1, 1], [0.5, 0.8]);
    expect(found.mean).toBeCloseTo(Math.sqrt(0.4) - 1, 12);
    expect(found.low).toBeCloseTo(Math.exp(-3.444127) - 1, 5);
    expect(found.high).toBeCloseTo(Math.exp(2.527836) - 1, 2);
  });

  it('turn round with the arms', () => {
    const values = fc.array(fc.double({ min: 0.1, max: 100, noNaN: true }), { minLength: 2, maxLength: 8 });
    fc.assert(
      fc.property(values, fc.nat(7), (a, shift) => {
        const b = a.map((_, i) => a[(i + shift) % a.length]!);
        const [there, back] = [pairedChange(a, b), pairedChange(b, a)];
        expect(there.mean).toBeCloseTo(1 / (1 + back.mean) - 1, 9);
        expect(there.low).toBeCloseTo(1 / (1 + back.high!) - 1, 9);
        expect(pairedDifference(a, b).mean).toBeCloseTo(-pairedDifference(b, a).mean, 9);
      }),
    );
  });

  it('refuse lists that do not pair, and ratios of nothing', () => {
    expect(() => pairedDifference([1], [1, 2])).toThrow('got 1 and 2');
    expect(() => pairedChange([0], [1])).toThrow('wants values above 0, got 0');
  });
});
