import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import {
  AssignmentError,
  assignNoise,
  assignNoiseSync,
  type Metric,
  pairwiseCost,
  solveAssignment,
} from './index.ts';
import { METRICS } from './metric.ts';

/** Images with a level and a contrast of their own, in about [-1, 1], and normal noise. */
function draw(
  batch: number,
  dimensions: number,
  seed = 1,
  perRow = 1,
): { x0: Float32Array; noise: Float32Array } {
  const x0 = streamUniform(seed, 0, new Float32Array(batch * dimensions));
  const level = streamUniform(seed, 1, new Float32Array(batch));
  for (let e = 0; e < x0.length; e++)
    x0[e] = (x0[e]! - 0.5) * 0.6 + 1.4 * (level[Math.floor(e / dimensions)]! - 0.5);
  return { x0, noise: streamNormal(seed, 2, new Float32Array(batch * perRow * dimensions)) };
}

const sample = (data: Float32Array, i: number, dimensions: number): Float32Array =>
  data.subarray(i * dimensions, (i + 1) * dimensions);

describe('every method', () => {
  it.each([
    ['linear', 1],
    ['flipped', 1],
    ['identity', 1],
    ['nearest', 3],
  ] as const)('%s gives each image the noise its pairing names, and touches no input', (method, perRow) => {
    const { x0, noise } = draw(24, 48, 3, perRow);
    const [images, drawn] = [x0.slice(), noise.slice()];
    const first = assignNoiseSync(x0, noise, { method, batch: 24, precision: 'f16' });
    // A second call on the same arrays must see what the first saw: one implementation corrupted its images here.
    const second = assignNoiseSync(x0, noise, { method, batch: 24, precision: 'f16' });
    expect(second.noise).toEqual(first.noise);
    expect(x0).toEqual(images);
    expect(noise).toEqual(drawn);
    expect(first.noise.buffer).not.toBe(noise.buffer);
    first.pairing.forEach((row, i) => expect(sample(first.noise, i, 48)).toEqual(sample(drawn, row, 48)));
  });

  it('makes x_t and target from one array: what it returns, not what was drawn', () => {
    const { x0, noise } = draw(16, 32);
    const assigned = assignNoiseSync(x0, noise, { batch: 16 });
    const [alpha, sigma] = [0.6, 0.8];
    const xt = x0.map((value, e) => alpha * value + sigma * assigned.noise[e]!);
    const recovered = xt.map((value, e) => (value - alpha * x0[e]!) / sigma);
    recovered.forEach((value, e) => expect(value).toBeCloseTo(assigned.noise[e]!, 5));
    expect(assigned.pairing.some((row, i) => row !== i)).toBe(true); // the drawn noise would be another target
  });
});

describe('linear', () => {
  it.each(METRICS)('permutes the noise, no dearer than as drawn, and proves it (%s)', (metric) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(),
        (batch, size, seed) => {
          const { x0, noise } = draw(batch, size, seed);
          const { pairing, stats } = assignNoiseSync(x0, noise, { batch, metric });
          expect([...pairing].sort((a, b) => a - b)).toEqual(Array.from({ length: batch }, (_, i) => i));
          expect(stats.exact).toBe(true);
          expect(stats.costAfter).toBeLessThanOrEqual(stats.costBefore + 1e-6);
          expect(stats.solvedCost! - stats.dualBound!).toBeCloseTo(stats.gap!, 9);
          expect(Math.abs(stats.costAfter - stats.solvedCost!)).toBeLessThan(
            1e-5 * (1 + Math.abs(stats.costAfter)),
          );
        },
      ),
      { numRuns: 40, seed: 4 },
    );
  });

  it('keeps the marginal exactly: the same samples, in another order', () => {
    const { x0, noise } = draw(64, 100);
    const assigned = assignNoiseSync(x0, noise, { batch: 64, precision: 'f16' });
    expect(Float32Array.from(assigned.noise).sort()).toEqual(Float32Array.from(noise).sort());
    const identity = assignNoiseSync(x0, noise, { batch: 64, method: 'identity' });
    expect(assigned.stats.marginal.mean).toBeCloseTo(identity.stats.marginal.mean, 12);
    expect(assigned.stats.marginal.variance).toBeCloseTo(identity.stats.marginal.variance, 12);
  });

  it('pairs in float16 with ties, for a little of the gain', () => {
    const { x0, noise } = draw(128, 768);
    const single = assignNoiseSync(x0, noise, { batch: 128 });
    const half = assignNoiseSync(x0, noise, { batch: 128, precision: 'f16' });
    expect(single.stats.quantisation).toBeUndefined();
    const { entries, distinct, overflow, scale } = half.stats.quantisation!;
    expect([entries, overflow, scale]).toEqual([128 * 128, 0, 0.1]);
    expect(distinct).toBeLessThan(1000);
    expect(half.stats.exact).toBe(true);
    expect(half.stats.reduction).toBeLessThan(0);
    // Unquantised, the float32 pairing cannot be beaten; float16 loses at most a few per cent of its gain.
    expect(half.stats.reduction).toBeGreaterThanOrEqual(single.stats.reduction);
    expect(half.stats.reduction / single.stats.reduction).toBeGreaterThan(0.97);
  });

  it('reports what it measured', () => {
    const { x0, noise } = draw(10, 12);
    const { pairing, stats } = assignNoiseSync(x0, noise, { batch: 10 });
    const mean = (choose: (i: number) => number): number => {
      let sum = 0;
      for (let i = 0; i < 10; i++) {
        const a = sample(x0, i, 12);
        const b = sample(noise, choose(i), 12);
        sum += Math.hypot(...a.map((value, k) => value - b[k]!));
      }
      return sum / 10;
    };
    expect(stats.costBefore).toBeCloseTo(
      mean((i) => i),
      5,
    );
    expect(stats.costAfter).toBeCloseTo(
      mean((i) => pairing[i]!),
      5,
    );
    expect(stats.reduction).toBeCloseTo(stats.costAfter / stats.costBefore - 1, 12);
    for (const part of ['cost', 'quantise', 'solve'] as const) {
      expect(stats.milliseconds[part]).toBeGreaterThanOrEqual(0);
    }
    const dot = assignNoiseSync(x0, noise, { batch: 10, metric: 'dot' });
    expect(dot.stats.reduction).toBeCloseTo(mean((i) => dot.pairing[i]!) / mean((i) => i) - 1, 5);
  });

  it('solves as well as it is asked to, and says how well that was', () => {
    const { x0, noise } = draw(128, 96);
    const exact = assignNoiseSync(x0, noise, { batch: 128 }).stats;
    const auction = assignNoiseSync(x0, noise, { batch: 128, solver: 'auction' }).stats;
    expect([auction.exact, auction.solvedCost]).toEqual([true, expect.closeTo(exact.solvedCost!, 9)]);
    for (const solver of ['greedy', 'sinkhorn'] as const) {
      const { stats } = assignNoiseSync(x0, noise, { batch: 128, solver, sinkhorn: { epsilon: 0.1 } });
      expect(stats.exact).toBe(false);
      expect(stats.reduction / exact.reduction).toBeGreaterThan(0.93);
      expect(stats.dualBound).toBeLessThanOrEqual(exact.solvedCost! + 1e-9);
      expect(stats.sinkhorn !== undefined).toBe(solver === 'sinkhorn');
    }
  });

  it('hands back a whole pairing with its bound when the time for solving is up', () => {
    const { x0, noise } = draw(64, 32);
    const best = assignNoiseSync(x0, noise, { batch: 64 }).stats;
    const { pairing, stats } = assignNoiseSync(x0, noise, { batch: 64, deadline: 0 });
    expect(new Set(pairing).size).toBe(64);
    expect(stats.exact).toBe(false);
    expect(stats.dualBound!).toBeLessThanOrEqual(best.solvedCost!);
    expect(stats.solvedCost!).toBeGreaterThan(best.solvedCost!);
    expect(stats.reduction).toBeLessThan(0);
  });

  it('solves a batch of one', () => {
    const { x0, noise } = draw(1, 8);
    const { pairing, stats } = assignNoiseSync(x0, noise, { batch: 1 });
    expect([...pairing]).toEqual([0]);
    expect(stats.reduction).toBe(0);
  });

  it('accepts tensors as they are: shape, or ONNX Runtime’s dims', async () => {
    const { x0, noise } = draw(6, 12);
    const flat = assignNoiseSync(x0, noise, { batch: 6 });
    class Tensor {
      readonly type = 'float32';
      readonly location = 'cpu';
      readonly #data: Float32Array;
      constructor(
        data: Float32Array,
        readonly dims: readonly number[],
      ) {
        this.#data = data;
      }
      get data(): Float32Array {
        return this.#data;
      }
    }
    const tensor = await assignNoise(new Tensor(x0, [6, 3, 2, 2]), new Tensor(noise, [6, 3, 2, 2]));
    expect(tensor.noise).toEqual(flat.noise);
    expect(tensor.shape).toEqual([6, 3, 2, 2]);
    expect(flat.shape).toEqual([6, 12]);
    const shaped = await assignNoise({ data: x0, shape: [6, 12] }, noise);
    expect(shaped.noise).toEqual(flat.noise);
  });
});

describe('a cost function of the caller’s', () => {
  const { x0, noise } = draw(20, 30);

  it('decides the pairing, sees the quantised sides, and keeps its array', async () => {
    const seen: { metric?: Metric; returned?: Float32Array } = {};
    const half = await assignNoise(x0, noise, {
      batch: 20,
      precision: 'f16',
      computeCost: async (a, b, metric, shape) => {
        expect(shape).toEqual({ rows: 20, columns: 20, dimensions: 30 });
        expect(a).not.toBe(x0);
        seen.metric = metric;
        seen.returned = pairwiseCost(a, b, metric, shape);
        return Promise.resolve(seen.returned);
      },
    });
    const here = assignNoiseSync(x0, noise, { batch: 20, precision: 'f16' });
    expect(half.pairing).toEqual(here.pairing);
    expect(half.stats.quantisation).toEqual(here.stats.quantisation);
    expect(seen.metric).toBe('l2');
    expect(Math.max(...seen.returned!)).toBeLessThan(here.stats.quantisation!.largest / 5); // still scaled by 0.1

    const reversed = Float32Array.from({ length: 400 }, (_, e) =>
      Math.floor(e / 20) + (e % 20) === 19 ? 0 : 1,
    );
    const told = await assignNoise(x0, noise, { batch: 20, computeCost: () => reversed });
    expect([...told.pairing]).toEqual(Array.from({ length: 20 }, (_, i) => 19 - i));
  });

  it('is refused when it returns something else, and its own error comes through', async () => {
    const wrong = (value: unknown): Promise<unknown> =>
      assignNoise(x0, noise, { batch: 20, computeCost: () => value as Float32Array });
    await expect(wrong(new Float32Array(3))).rejects.toThrow(/Float32Array of 20 × 20 costs, got 3 numbers/);
    await expect(wrong(undefined)).rejects.toThrow(/got undefined/);
    await expect(wrong(new Float32Array(400).fill(NaN))).rejects.toThrow(/got NaN at row 0, column 0/);
    const lost = assignNoise(x0, noise, {
      batch: 20,
      computeCost: () => Promise.reject(new Error('device lost')),
    });
    await expect(lost).rejects.toThrow('device lost');
  });
});

describe('bad input', () => {
  const { x0, noise } = draw(4, 6);
  it.each([
    ['no batch', () => assignNoiseSync(x0, noise), 'invalid-size', /pass \{ batch: B \}/],
    ['a batch of none', () => assignNoiseSync(x0, noise, { batch: 0 }), 'invalid-size', /from 1 on, got 0/],
    [
      'a batch that does not divide',
      () => assignNoiseSync(x0, noise, { batch: 5 }),
      'invalid-size',
      /24 .* 5 images/,
    ],
    [
      'empty arrays',
      () => assignNoiseSync(new Float32Array(0), new Float32Array(0), { batch: 1 }),
      'invalid-size',
      /x0 has 0 numbers/,
    ],
    [
      'a batch against the shape',
      () => assignNoiseSync({ data: x0, shape: [4, 6] }, noise, { batch: 3 }),
      'invalid-size',
      /batch is 3, but x0 has the shape \[4, 6\]/,
    ],
    [
      'a shape that does not fit',
      () => assignNoiseSync({ data: x0, dims: [4, 7] }, noise),
      'invalid-size',
      /shape \[4, 7\] but 24 numbers/,
    ],
    [
      'data without a shape',
      () => assignNoiseSync({ data: x0 } as unknown as Float32Array, noise),
      'invalid-size',
      /neither shape nor dims/,
    ],
    [
      'a tensor whose data is not there yet',
      () => assignNoiseSync({ data: () => x0, shape: [4, 6] } as unknown as Float32Array, noise),
      'invalid-size',
      /x0 must be a Float32Array or have one as its data/,
    ],
    [
      'null',
      () => assignNoiseSync(null as unknown as Float32Array, noise),
      'invalid-size',
      /x0 must be a Float32Array/,
    ],
    [
      'too much noise',
      () => assignNoiseSync(x0, new Float32Array(48), { batch: 4 }),
      'invalid-size',
      /1 for each image: 1 × 24 numbers, got 48/,
    ],
    [
      'noise in another order of axes',
      () => assignNoiseSync({ data: x0, shape: [4, 6] }, { data: noise, shape: [6, 4] }),
      'invalid-size',
      /noise has the shape \[6, 4\], which does not begin with the batch, 4/,
    ],
    [
      'noise that does not fit k',
      () => assignNoiseSync(x0, noise, { batch: 4, method: 'nearest', k: 2 }),
      'invalid-size',
      /2 for each image: 2 × 24 numbers, got 24/,
    ],
    [
      'k without nearest',
      () => assignNoiseSync(x0, noise, { batch: 4, k: 2 }),
      'invalid-option',
      /k belongs to method 'nearest', got 'linear'/,
    ],
    [
      'an unknown metric',
      () => assignNoiseSync(x0, noise, { batch: 4, metric: 'cosine' as 'l2' }),
      'invalid-option',
      /metric must be 'l2', 'sqeuclidean', 'l1', 'dot', got 'cosine'/,
    ],
    [
      'a scale of nothing',
      () => assignNoiseSync(x0, noise, { batch: 4, scale: 0 }),
      'invalid-option',
      /scale must be a positive number, got 0/,
    ],
    [
      'NaN in the images',
      () => assignNoiseSync(x0.with(13, NaN), noise, { batch: 4 }),
      'not-finite',
      /x0 must be finite, got NaN in sample 2, element 1/,
    ],
    [
      'infinity in the noise',
      () => assignNoiseSync(x0, noise.with(5, -Infinity), { batch: 4, method: 'identity' }),
      'not-finite',
      /noise must be finite, got -Infinity in sample 0, element 5/,
    ],
    [
      'costs that float32 cannot hold',
      () => assignNoiseSync(x0.with(0, 1e30), noise, { batch: 4, metric: 'sqeuclidean' }),
      'infeasible',
      /row 0 has no column/,
    ],
  ])('%s is named', (_, call, code, message) => {
    expect(call).toThrow(AssignmentError);
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ code }));
  });

  it('float16 overflow of every distance is an error, of some a report', () => {
    const dimensions = 40;
    const far = new Float32Array(2 * dimensions).fill(-30000);
    const near = new Float32Array(2 * dimensions).fill(30000);
    const options = { batch: 2, precision: 'f16', metric: 'l1', scale: 1 } as const;
    expect(() => assignNoiseSync(far, near, options)).toThrow(/no finite assignment/);
    const mixed = near.slice();
    mixed.fill(-29999, dimensions);
    const half = near.slice();
    half.fill(-30000, 0, dimensions);
    const { stats, pairing } = assignNoiseSync(half, mixed, options);
    expect([...pairing]).toEqual([1, 0]);
    expect(stats.quantisation!.overflow).toBe(2);
  });
});

it('linear equals solving the matrix by hand', () => {
  const { x0, noise } = draw(50, 64);
  const cost = pairwiseCost(x0, noise, 'l2', { rows: 50, columns: 50, dimensions: 64 });
  expect(assignNoiseSync(x0, noise, { batch: 50 }).pairing).toEqual(solveAssignment(cost, 50).pairing);
});
