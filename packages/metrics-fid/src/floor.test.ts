import { streamNormal } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { frechetFloor } from './floor.ts';
import { frechetFromFeatures } from './frechet.ts';

const random = (seed: number, n: number, dimension: number) => ({
  data: streamNormal(seed, 0, new Float32Array(n * dimension)),
  dimension,
});

describe('frechetFloor', () => {
  it('falls with the number of samples, about as 1/n', () => {
    const real = random(1, 4000, 8);
    const [small, large] = [200, 2000].map((size) => frechetFloor(real, { size }));
    expect(small!.mean / large!.mean).toBeGreaterThan(5);
    expect(small!.mean / large!.mean).toBeLessThan(20);
    expect(small!.standardDeviation).toBeLessThan(small!.mean);
  });

  it('lies below the distance to other data, also with fewer samples than features', () => {
    for (const [n, d] of [
      [300, 5],
      [30, 40],
    ] as const) {
      const floor = frechetFloor(random(1, 2 * n, d));
      const other = { data: random(2, n, d).data.map((value) => 1.5 * value + 1), dimension: d };
      expect(floor.size).toBe(n);
      expect(frechetFromFeatures(random(3, n, d), other)).toBeGreaterThan(
        floor.mean + 5 * floor.standardDeviation,
      );
    }
  });

  it('reports each draw, and the same draws for the same seed', () => {
    const real = random(1, 100, 3);
    const floor = frechetFloor(real, { draws: 4, seed: 9 });
    expect(frechetFloor(real, { draws: 4, seed: 9 })).toEqual(floor);
    expect(frechetFloor(real, { draws: 4, seed: 10 }).values).not.toEqual(floor.values);
    expect(floor.values.length).toBe(4);
    expect(floor.mean).toBeCloseTo(floor.values.reduce((a, b) => a + b, 0) / 4, 14);
    expect(frechetFloor(real, { draws: 1 }).standardDeviation).toBe(0);
  });

  it('compares disjoint halves: two constant halves are never compared with themselves', () => {
    // One sample of each value: any two disjoint halves of a set without repeats differ.
    const real = { data: Float64Array.from({ length: 10 }, (_, i) => 2 ** i), dimension: 1 };
    for (const value of frechetFloor(real, { draws: 20 }).values) expect(value).toBeGreaterThan(0);
  });

  it('refuses subsets that do not fit', () => {
    expect(() => frechetFloor(random(1, 10, 2), { size: 6 })).toThrow(
      /from 2 to 5 \(half of 10 samples\), got 6/,
    );
    expect(() => frechetFloor(random(1, 3, 2))).toThrow(/got 1/);
    expect(() => frechetFloor(random(1, 10, 2), { draws: 0 })).toThrow(/draws from 1, got 0/);
  });
});
