import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { pairwiseCost } from './index.ts';
import { METRICS, pairCost } from './metric.ts';

const size = fc.integer({ min: 1, max: 11 });

describe.each(METRICS)('%s', (metric) => {
  it('equals the direct sum for any sizes, edges of tiles and blocks included', () => {
    fc.assert(
      fc.property(
        size,
        size,
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (rows, columns, dimensions, seed) => {
          const x0 = streamUniform(seed, 0, new Float32Array(rows * dimensions));
          const noise = streamNormal(seed, 1, new Float32Array(columns * dimensions));
          const cost = pairwiseCost(x0, noise, metric, { rows, columns, dimensions });
          for (let i = 0; i < rows; i++) {
            for (let j = 0; j < columns; j++) {
              const direct = pairCost(metric, x0, i * dimensions, noise, j * dimensions, dimensions);
              // float32 keeps 2^-24 of the value; the expanded square adds float64 rounding of ‖x‖² + ‖n‖².
              expect(Math.abs(cost[i * columns + j]! - direct)).toBeLessThanOrEqual(
                2 ** -23 * Math.abs(direct) + 1e-7,
              );
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('holds over more noises than one block and over many dimensions', () => {
    const shape = { rows: 6, columns: 50, dimensions: 5000 };
    const x0 = streamUniform(1, 0, new Float32Array(6 * 5000));
    const noise = streamNormal(1, 1, new Float32Array(50 * 5000));
    const cost = pairwiseCost(x0, noise, metric, shape);
    for (let e = 0; e < cost.length; e++) {
      const direct = pairCost(metric, x0, Math.floor(e / 50) * 5000, noise, (e % 50) * 5000, 5000);
      expect(Math.abs(cost[e]! / direct - 1)).toBeLessThan(1e-7);
    }
  });
});

describe('pairwiseCost', () => {
  it('is zero between equal vectors and never negative', () => {
    const x = streamNormal(3, 0, new Float32Array(64 * 3072));
    const shape = { rows: 64, columns: 64, dimensions: 3072 };
    for (const metric of ['l2', 'sqeuclidean', 'l1'] as const) {
      const cost = pairwiseCost(x, x, metric, shape);
      for (let i = 0; i < 64; i++) expect(cost[i * 65]).toBeLessThan(1e-5);
      expect(cost.every((c) => c >= 0)).toBe(true);
    }
  });

  it('keeps small differences of large vectors, where float32 sums would show none', () => {
    const dimensions = 1000;
    const x0 = new Float32Array(dimensions).fill(100);
    const noise = x0.map((value, k) => (k === 500 ? value + 0.125 : value));
    const [distance] = pairwiseCost(x0, noise, 'l2', { rows: 1, columns: 1, dimensions });
    expect(distance).toBeCloseTo(0.125, 6);
  });

  it('names costs by hand', () => {
    const shape = { rows: 1, columns: 2, dimensions: 2 };
    const at = (metric: (typeof METRICS)[number]): number[] => [
      ...pairwiseCost(Float32Array.of(3, 0), Float32Array.of(0, 4, 1, 1), metric, shape),
    ];
    expect(at('l2')).toEqual([5, Math.fround(Math.sqrt(5))]);
    expect(at('sqeuclidean')).toEqual([25, 5]);
    expect(at('l1')).toEqual([7, 3]);
    expect(at('dot')).toEqual([-0, -3]);
  });
});
