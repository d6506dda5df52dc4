import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { streamNormal } from '@immiscible/random';
import * as measure from './measure.ts';
import { METRICS, pairCost } from './metric.ts';

/** Sizes about the ends of vectors and of the pieces in which arrays are read. */
const lengths = [1, 2, 3, 4, 5, 7, 8, 65535, 65536, 65537, 65540, 131075];

afterEach(() => vi.unstubAllGlobals());

async function plain(): Promise<typeof measure> {
  vi.stubGlobal('WebAssembly', undefined);
  vi.resetModules();
  return import('./measure.ts');
}

describe('allFinite', () => {
  it('finds what is not finite wherever it is, and nothing else', async () => {
    const twin = await plain();
    for (const length of lengths) {
      const data = new Float32Array(length).fill(-3.4e38);
      for (const { allFinite } of [measure, twin]) {
        expect(allFinite(data)).toBe(true);
        for (const at of [0, length >> 1, length - 1]) {
          for (const bad of [NaN, Infinity, -Infinity]) {
            data[at] = bad;
            expect(allFinite(data)).toBe(false);
            data[at] = 1e-45;
          }
        }
      }
    }
    expect(measure.allFinite(new Float32Array(0))).toBe(true);
    // What an earlier call left in memory is not looked at.
    expect(measure.allFinite(Float32Array.of(1, 2, 3, NaN))).toBe(false);
    expect(measure.allFinite(Float32Array.of(1, 2, 3))).toBe(true);
  });
});

describe('sumPairCosts', () => {
  it.each(METRICS)('and candidateCosts are made of single costs (%s)', async (metric) => {
    const twin = await plain();
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(1000),
        (rows, columns, dimensions, seed) => {
          const a = streamNormal(seed, 0, new Float32Array(rows * dimensions));
          const b = streamNormal(seed, 1, new Float32Array(columns * dimensions));
          const pairing = Int32Array.from({ length: rows }, (_, i) => (i * 5 + seed) % columns);
          let direct = 0;
          pairing.forEach((j, i) => {
            direct += pairCost(metric, a, i * dimensions, b, j * dimensions, dimensions);
          });
          for (const { sumPairCosts } of [measure, twin]) {
            expect(sumPairCosts(metric, a, b, pairing, dimensions)).toBeCloseTo(direct, 10);
          }
          const image = a.subarray(0, dimensions);
          const costs = twin.candidateCosts(metric, image, b);
          expect(costs).toHaveLength(columns);
          measure.candidateCosts(metric, image, b).forEach((cost, c) => {
            expect(cost).toBeCloseTo(pairCost(metric, image, 0, b, c * dimensions, dimensions), 10);
            expect(costs[c]).toBeCloseTo(cost, 10);
          });
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('moments', () => {
  it('are those of two passes, far from 0 too', async () => {
    const twin = await plain();
    for (const length of lengths) {
      for (const offset of [0, 1000]) {
        const values = streamNormal(length, 0, new Float32Array(length)).map((value) => value + offset);
        const mean = values.reduce((sum, value) => sum + value, 0) / length;
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
        for (const { moments } of [measure, twin]) {
          const found = moments(values);
          expect(found.mean).toBeCloseTo(mean, 9);
          expect(found.variance).toBeCloseTo(variance, 9);
        }
      }
    }
  });
});
