import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { assignNoiseSync } from './index.ts';
import { standardized } from './standardize.ts';

const moments = (values: Iterable<number>): [mean: number, variance: number] => {
  const all = [...values];
  const mean = all.reduce((sum, value) => sum + value, 0) / all.length;
  return [mean, all.reduce((sum, value) => sum + (value - mean) ** 2, 0) / all.length];
};

describe('standardized', () => {
  it('has mean 0 and variance 1, of every feature or of all numbers, whatever the scale and offset', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        fc.double({ min: -10, max: 10, noNaN: true }),
        (rows, dimensions, scale, offset) => {
          const data = streamNormal(rows, dimensions, new Float32Array(rows * dimensions)).map(
            (value, e) => scale * (value + offset + (e % dimensions)),
          );
          const features = standardized(data, rows, dimensions, 'feature');
          for (let k = 0; k < dimensions; k++) {
            const [mean, variance] = moments(features.filter((_, e) => e % dimensions === k));
            expect(mean).toBeCloseTo(0, 5);
            expect(variance).toBeCloseTo(1, 5);
          }
          const [mean, variance] = moments(standardized(data, rows, dimensions, 'batch'));
          expect(mean).toBeCloseTo(0, 5);
          expect(variance).toBeCloseTo(1, 5);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('is zero where nothing varies', () => {
    const data = Float32Array.of(7, 1, 7, 3);
    expect(standardized(data, 2, 2, 'feature')).toEqual(Float32Array.of(0, -1, 0, 1));
    expect(standardized(new Float32Array(4).fill(7), 2, 2, 'batch')).toEqual(new Float32Array(4));
    expect(data).toEqual(Float32Array.of(7, 1, 7, 3));
  });
});

describe('standardize', () => {
  const [batch, dimensions] = [32, 24];
  const x0 = streamUniform(1, 0, new Float32Array(batch * dimensions));
  const noise = streamNormal(1, 1, new Float32Array(batch * dimensions));

  it('decides the pairing by standardised images, and measures on those that are diffused', () => {
    for (const standardize of ['feature', 'batch'] as const) {
      const apart = standardized(x0, batch, dimensions, standardize);
      for (const method of ['linear', 'flipped', 'nearest'] as const) {
        const { pairing, stats } = assignNoiseSync(x0, noise, { batch, method, standardize });
        const byHand = assignNoiseSync(apart, noise, { batch, method });
        expect(pairing).toEqual(byHand.pairing);
        expect(stats.solvedCost).toBe(byHand.stats.solvedCost);
        expect(stats.costBefore).toBe(
          assignNoiseSync(x0, noise, { batch, method: 'identity' }).stats.costBefore,
        );
      }
      const streams = { seed: 3, streams: Array.from({ length: batch }, (_, i) => i) };
      const options = { method: 'nearest', k: 4, precision: 'f16' } as const;
      expect(
        assignNoiseSync({ data: x0, shape: [batch, dimensions] }, streams, { ...options, standardize })
          .pairing,
      ).toEqual(assignNoiseSync({ data: apart, shape: [batch, dimensions] }, streams, options).pairing);
    }
  });

  it('does not depend on units that all features share', () => {
    const other = x0.map((value) => 255 * value + 100);
    const pairing = (data: Float32Array): Int32Array =>
      assignNoiseSync(data, noise, { batch, standardize: 'batch' }).pairing;
    expect(pairing(other)).toEqual(pairing(x0));
  });

  it('refuses what it cannot do', () => {
    const call = (options: object) => (): unknown => assignNoiseSync(x0, noise, { batch, ...options });
    expect(call({ standardize: 'row' })).toThrow(/standardize must be 'feature', 'batch', got 'row'/);
    expect(call({ standardize: 'feature', batch: 1 })).toThrow(/needs 2 or more, got 1; use 'batch'/);
  });
});
