import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricArgumentError } from './errors.ts';
import { type FeatureMatrix } from './feature-matrix.ts';
import { slicedWasserstein } from './sliced-wasserstein.ts';

const rows = (dimension: number, ...values: number[]): FeatureMatrix => ({
  data: Float64Array.from(values),
  dimension,
});
const random = (seed: number, n: number, dimension: number): FeatureMatrix => ({
  data: Float64Array.from(streamNormal(seed, 0, new Float32Array(n * dimension))),
  dimension,
});
const mapped = ({ data, dimension }: FeatureMatrix, f: (v: number, i: number) => number): FeatureMatrix => ({
  data: Float64Array.from(data, f),
  dimension,
});

describe('sliced Wasserstein distance', () => {
  it('is the Wasserstein distance itself on a line, whatever the order', () => {
    // Sorted: 0, 1, 5 against 1, 3, 4: (1 + 4 + 1) / 3.
    expect(slicedWasserstein(rows(1, 5, 0, 1), rows(1, 3, 4, 1))).toBeCloseTo(Math.sqrt(2), 12);
  });

  it('takes sets of different sizes as step functions of quantiles', () => {
    // 0 has half of q, 6 the other; 0, 3, 6 a third each: from 1/3 to 1/2, 0 against 3; from 1/2 to 2/3, 6 against 3.
    expect(slicedWasserstein(rows(1, 0, 6), rows(1, 0, 3, 6)) ** 2).toBeCloseTo(9 / 3, 12);
  });

  it('is |s|/√d for a shift by s, on average over directions', () => {
    const a = random(1, 50, 16);
    const shifted = mapped(a, (v, i) => v + (i % 16 === 3 ? 4 : 0));
    const found = slicedWasserstein(a, shifted, { projections: 4000 });
    expect(Math.abs(found - 1)).toBeLessThan(0.05); // 4/√16; its square has a relative deviation of √2/√4000
  });

  it('is symmetric, 0 for equal sets, in the units of the features, and blind to doubled samples', () => {
    const size = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(size, size, fc.integer({ min: 1, max: 8 }), fc.nat(1000), (n, m, d, seed) => {
        const [a, b] = [random(seed, n, d), random(seed + 1, m, d)];
        const options = { projections: 8, seed };
        const distance = slicedWasserstein(a, b, options);
        expect(slicedWasserstein(a, a, options)).toBe(0);
        expect(slicedWasserstein(b, a, options)).toBeCloseTo(distance, 10);
        const scaled = [a, b].map((set) => mapped(set, (v) => 3 * v)) as [FeatureMatrix, FeatureMatrix];
        expect(slicedWasserstein(...scaled, options)).toBeCloseTo(3 * distance, 10);
        const doubled = { data: Float64Array.from([...a.data, ...a.data]), dimension: d };
        expect(slicedWasserstein(doubled, b, options)).toBeCloseTo(distance, 10);
      }),
      { numRuns: 50 },
    );
  });

  it('looks along the lines that its seed says', () => {
    const [a, b] = [random(1, 20, 4), random(2, 20, 4)];
    const at = (seed: number): number => slicedWasserstein(a, b, { projections: 3, seed });
    expect(at(5)).toBe(at(5));
    expect(at(5)).not.toBe(at(6));
  });

  it('says what is wrong', () => {
    const [a, b] = [random(1, 4, 2), random(2, 4, 3)];
    expect(() => slicedWasserstein(a, b)).toThrow(MetricArgumentError);
    expect(() => slicedWasserstein(a, a, { projections: 0 })).toThrow(
      'slicedWasserstein: wanted a whole number of projections from 1, got 0',
    );
    expect(() => slicedWasserstein(a, rows(2, 1, Infinity))).toThrow(/finite/);
  });
});
