import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MetricArgumentError } from './errors.ts';
import { type FeatureMatrix } from './feature-matrix.ts';
import { type AssignmentSolver, modeCoverage, wasserstein2 } from './point-sets.ts';
import { slicedWasserstein } from './sliced-wasserstein.ts';

const rows = (dimension: number, ...values: number[]): FeatureMatrix => ({
  data: Float64Array.from(values),
  dimension,
});

/** Every pairing of few points, tried in turn. */
const tryAll: AssignmentSolver = (costs, n) => {
  let best: { readonly cost: number; readonly columns: readonly number[] } = { cost: Infinity, columns: [] };
  const extend = (columns: readonly number[], cost: number): void => {
    if (columns.length === n) {
      if (cost < best.cost) best = { cost, columns };
      return;
    }
    for (let j = 0; j < n; j++) {
      if (!columns.includes(j)) extend([...columns, j], cost + costs[columns.length * n + j]!);
    }
  };
  extend([], 0);
  return best.columns;
};

describe('exact Wasserstein distance', () => {
  it('is the root of the mean of squares of the best pairing', () => {
    // Crosswise is best: 1 and 4, not 16 and 25.
    const a = rows(2, 0, 0, 0, 3);
    const b = rows(2, 0, 5, 1, 0);
    expect(wasserstein2(a, b, tryAll)).toBeCloseTo(Math.sqrt((1 + 4) / 2), 12);
  });

  it('is the length of a shift, and no less than along lines', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(1000), (n, seed) => {
        const points = (stream: number): FeatureMatrix => ({
          data: streamNormal(seed, stream, new Float32Array(2 * n)),
          dimension: 2,
        });
        const [a, b] = [points(0), points(1)];
        const shifted = { data: Float64Array.from(a.data, (v, i) => v + (i % 2 ? 3 : 4)), dimension: 2 };
        expect(wasserstein2(a, shifted, tryAll)).toBeCloseTo(5, 5);
        expect(slicedWasserstein(a, b)).toBeLessThanOrEqual(wasserstein2(a, b, tryAll) + 1e-12);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses sets of different sizes, and an answer that is no pairing', () => {
    const a = rows(2, 0, 0, 1, 1);
    expect(() => wasserstein2(a, rows(2, 0, 0), tryAll)).toThrow(
      'wanted equally many points in both sets, got 2 and 1',
    );
    for (const columns of [[0, 0], [0], [0, 2]]) {
      expect(() => wasserstein2(a, a, () => columns)).toThrow(MetricArgumentError);
    }
  });
});

describe('mode coverage', () => {
  const modes = rows(2, 0, 0, 10, 0, 0, 10);

  it('counts samples for the nearest mode, within reach and on its edge', () => {
    const samples = rows(2, 0, 1, 0.5, 0, 10, 2, 5, 0, 8, 0);
    expect(modeCoverage(samples, modes, 2)).toEqual({
      covered: 2,
      modes: 3,
      inReach: 4 / 5,
      counts: [2, 2, 0],
    });
  });

  it('finds every mode in the modes themselves, and none from afar', () => {
    expect(modeCoverage(modes, modes, 0)).toMatchObject({ covered: 3, inReach: 1 });
    expect(modeCoverage(rows(2, 5, 5), modes, 1)).toMatchObject({ covered: 0, inReach: 0 });
  });

  it('refuses a reach that is none', () => {
    expect(() => modeCoverage(modes, modes, -1)).toThrow('modeCoverage: wanted a reach from 0, got -1');
    expect(() => modeCoverage(modes, modes, NaN)).toThrow(MetricArgumentError);
  });
});
