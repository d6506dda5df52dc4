import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { plainCost } from './cost-plain.ts';
import { pairwiseCost } from './index.ts';
import { type Metric, METRICS, pairCost } from './metric.ts';

const size = fc.integer({ min: 1, max: 11 });

/** The largest |cost - direct| / |direct| of a matrix against sums term by term in float64. */
function worstError(
  cost: Float32Array,
  metric: Metric,
  x0: Float32Array,
  noise: Float32Array,
  dimensions: number,
): number {
  const columns = noise.length / dimensions;
  return cost.reduce((worst, value, e) => {
    const row = Math.floor(e / columns) * dimensions;
    const direct = pairCost(metric, x0, row, noise, (e % columns) * dimensions, dimensions);
    return Math.max(worst, value === direct ? 0 : Math.abs(value / direct - 1));
  }, 0);
}

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

describe('the kernel and its plain twin', () => {
  const shapes = [1, 2, 3, 13].flatMap((rows) =>
    [1, 5, 29].flatMap((columns) =>
      [1, 5, 511, 512, 515, 3072, 16384].map((d) => [rows, columns, d] as const),
    ),
  );

  it.each(['l2', 'sqeuclidean', 'l1'] as const)(
    'are both as near to sums in float64 as float32 can be, for every shape (%s)',
    (metric) => {
      for (const [rows, columns, dimensions] of shapes) {
        const shape = { rows, columns, dimensions };
        const x0 = streamUniform(dimensions, rows, new Float32Array(rows * dimensions));
        const noise = streamNormal(dimensions, columns, new Float32Array(columns * dimensions));
        for (const compute of [pairwiseCost, plainCost]) {
          const worst = worstError(compute(x0, noise, metric, shape), metric, x0, noise, dimensions);
          expect(worst).toBeLessThan(1.5e-7);
        }
      }
    },
  );

  it('agree to the last bit where nothing cancels: inner products in float64', () => {
    for (const [rows, columns, dimensions] of shapes) {
      const shape = { rows, columns, dimensions };
      const x0 = streamUniform(dimensions, rows, new Float32Array(rows * dimensions));
      const noise = streamUniform(dimensions, columns, new Float32Array(columns * dimensions));
      const plain = plainCost(x0, noise, 'dot', shape);
      expect(pairwiseCost(x0, noise, 'dot', shape).every((value, e) => value === plain[e])).toBe(true);
    }
  });

  it.each(['l2', 'sqeuclidean'] as const)('hold for vectors that are nearly equal (%s)', (metric) => {
    const [rows, dimensions] = [9, 3072];
    const shape = { rows, columns: rows, dimensions };
    const x0 = streamNormal(5, 0, new Float32Array(rows * dimensions));
    const shift = streamNormal(5, 1, new Float32Array(rows * dimensions));
    for (const size of [1, 0.1, 1e-2, 1e-3, 1e-5]) {
      const near = x0.map((value, k) => value + size * shift[k]!);
      expect(worstError(pairwiseCost(x0, near, metric, shape), metric, x0, near, dimensions)).toBeLessThan(
        1.5e-7,
      );
    }
  });

  it('hold at both ends of float32, where products of two numbers leave it', () => {
    const [rows, dimensions] = [6, 600];
    const shape = { rows, columns: rows, dimensions };
    for (const size of [1e25, 1e-25]) {
      const x0 = streamNormal(6, 0, new Float32Array(rows * dimensions)).map((value) => size * value);
      const noise = streamNormal(6, 1, new Float32Array(rows * dimensions)).map((value) => size * value);
      for (const metric of ['l2', 'l1'] as const) {
        expect(
          worstError(pairwiseCost(x0, noise, metric, shape), metric, x0, noise, dimensions),
        ).toBeLessThan(1.5e-7);
      }
      const squares = pairwiseCost(x0, noise, 'sqeuclidean', shape);
      expect(squares.every((value) => value === (size > 1 ? Infinity : 0))).toBe(true);
    }
  });

  it('are not finite where an input is not, and nowhere else', () => {
    for (const dimensions of [3, 700]) {
      for (const metric of METRICS) {
        for (const bad of [NaN, Infinity, -Infinity]) {
          const x0 = new Float32Array(2 * dimensions).fill(0.5);
          const noise = new Float32Array(3 * dimensions).fill(0.25);
          x0[dimensions] = bad;
          const cost = pairwiseCost(x0, noise, metric, { rows: 2, columns: 3, dimensions });
          expect([...cost].map(Number.isFinite)).toEqual([true, true, true, false, false, false]);
        }
      }
    }
  });

  afterEach(() => vi.unstubAllGlobals());

  it('change places where the engine has no WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    vi.resetModules();
    const fresh = await import('./cost.ts');
    const shape = { rows: 7, columns: 5, dimensions: 600 };
    const x0 = streamUniform(1, 0, new Float32Array(7 * 600));
    const noise = streamNormal(1, 1, new Float32Array(5 * 600));
    for (const metric of METRICS) {
      const plain = plainCost(x0, noise, metric, shape);
      expect(fresh.pairwiseCost(x0, noise, metric, shape)).toEqual(plain);
      expect(await fresh.pairwiseCostAsync(x0, noise, metric, shape, { threads: 4 })).toEqual(plain);
    }
  });
});

describe('pairwiseCost', () => {
  it('is zero between equal vectors and never negative', () => {
    const x = streamNormal(3, 0, new Float32Array(64 * 3072));
    const shape = { rows: 64, columns: 64, dimensions: 3072 };
    for (const metric of ['l2', 'sqeuclidean', 'l1'] as const) {
      const cost = pairwiseCost(x, x, metric, shape);
      for (let i = 0; i < 64; i++) expect(cost[i * 65]).toBe(0);
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

  it('refuses arrays that are not what the shape says', () => {
    const four = new Float32Array(4);
    const call = (rows: number, columns: number, dimensions: number) => (): Float32Array =>
      pairwiseCost(four, four, 'l2', { rows, columns, dimensions });
    expect(call(2, 2, 3)).toThrow(/x0 must hold 2 × 3 numbers, as the shape says, got 4/);
    expect(call(2, 1, 2)).toThrow(/noise must hold 1 × 2 numbers, as the shape says, got 4/);
    expect(call(0, 2, 2)).toThrow(/rows must be a whole number from 1 on, got 0/);
    expect(call(2, 2, 0.5)).toThrow(/dimensions must be a whole number from 1 on, got 0.5/);
  });
});
