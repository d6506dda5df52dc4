/**
 * The CPU target against the interpreter over random shapes: odd, prime, 1, and empty where an op allows it. The
 * recordings of `ops.test.ts` say that the ops mean what PyTorch means; this says that they do so at every size.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/device.ts';
import * as tc from '../src/index.ts';
import { interpret } from './interpreter.ts';
import { cpu, webgpu } from './machines.ts';

let device: Device;
/** What a function of the machine may be off by, as a multiple of what one of the CPU may. */
let slack = 1;

const RUNS = 25;

/** Extents that blocks, vectors and threads do not divide; `empty` is rare but there. */
const extent = fc.constantFrom(1, 2, 3, 5, 7, 11, 16, 17);
const empty = fc.constantFrom(0, 1, 2, 3, 5, 7, 17);
const shapes = fc.array(empty, { maxLength: 4 });

/** Elements in [-2, 2) that do not repeat, from a count. */
function numbersFor(shape: readonly number[], seed: number): number[] {
  const size = shape.reduce((a, b) => a * b, 1);
  return Array.from({ length: size }, (_, i) => (((i + 1) * 0.6180339887 + seed * 0.377) % 1) * 4 - 2);
}

function random(shape: readonly number[], seed: number, dtype: tc.DType = 'float32'): tc.Tensor {
  const values = numbersFor(shape, seed);
  if (dtype === 'int32') return tc.tensor(values.map((v) => Math.trunc(v * 50)), shape, dtype); // prettier-ignore
  if (dtype === 'bool') return tc.tensor(values.map((v) => Number(v > 0)), shape, dtype); // prettier-ignore
  return tc.tensor(values, shape, dtype);
}

/** Runs the tensors on the device, in one program, and holds them against the interpreter. */
async function check(results: readonly tc.Tensor[], tolerance = 2e-6): Promise<void> {
  const f = device.compile(() => ({ results }));
  const computed = await f({});
  await f.dispose();
  const expected = interpret(results.map((x) => x.node));
  for (const [i, y] of computed.results.entries()) {
    const values = await y.data();
    const { data, shape } = expected[i]!;
    expect(y.shape).toEqual(shape);
    expect(y.dtype).toBe(results[i]!.dtype);
    const scale = data.reduce((max, v) => (Number.isFinite(v) ? Math.max(max, Math.abs(v)) : max), 1);
    const far = Array.from(values).findIndex(
      (v, k) => !Object.is(v, data[k]) && !(Math.abs(v - data[k]!) <= slack * tolerance * scale),
    );
    expect(far, `${results[i]!.node.op} [${shape.join()}]: ${values[far]} is not ${data[far]}`).toBe(-1);
  }
  tc.disposeTree(computed);
}

async function always<T>(
  values: fc.Arbitrary<T>,
  seed: number,
  f: (value: T) => Promise<void>,
  numRuns = RUNS,
): Promise<void> {
  await fc.assert(fc.asyncProperty(values, f), { numRuns, seed });
}

/** Two shapes that broadcast. */
const broadcasting = fc
  .tuple(fc.array(fc.tuple(empty, fc.nat(2)), { maxLength: 4 }), fc.nat(4))
  .map(([axes, drop]) => {
    const a = axes.map(([d, who]) => (who === 1 ? 1 : d));
    const b = axes.map(([d, who]) => (who === 2 ? 1 : d));
    const lead = a.findIndex((d, i) => d !== 1 || axes[i]![0] === 0);
    return { a: a.slice(Math.min(drop, lead < 0 ? a.length : lead)), b };
  });

describe.each([cpu, webgpu])('$name', ({ open, gpu, skipped }) => {
  beforeAll(async () => {
    if (skipped) return;
    device = new Device(await open());
    slack = gpu ? 10 : 1;
  });
  afterAll(() => (skipped ? undefined : device.dispose()));

  describe('elementwise ops', () => {
    it.skipIf(skipped)('of one operand', () =>
      always(shapes, 1, async (shape) => {
        const x = random(shape, 1);
        const positive = x.abs().add(0.1);
        await check([
          x.neg(),
          x.exp(),
          positive.log(),
          positive.sqrt(),
          positive.reciprocal(),
          x.square(),
          x.abs(),
          x.sign(),
          x.sin(),
          x.cos(),
          x.tanh(),
          x.sigmoid(),
          x.silu(),
          x.relu(),
          x.gelu(),
          x.erf(),
          tc.grad((y: tc.Tensor) => y.silu().mul(random(shape, 9)).sum())(x),
        ]);
      }),
    );

    it.skipIf(skipped)('of two operands that broadcast', () =>
      always(broadcasting, 2, async ({ a, b }) => {
        const [x, y] = [random(a, 1), random(b, 2)];
        await check([
          x.add(y),
          x.sub(y),
          x.mul(y),
          x.div(y.abs().add(0.5)),
          x.abs().add(0.1).pow(y),
          x.maximum(y),
          x.minimum(y),
          x.less(y),
          x.greater(y),
          x.equal(y),
          x.equal(x),
          tc.where(x.less(y), x, y),
          tc.where(x.greater(0), y, 1),
        ]);
      }),
    );

    it.skipIf(skipped)('of whole numbers', () =>
      always(broadcasting, 3, async ({ a, b }) => {
        const [x, y] = [random(a, 1, 'int32'), random(b, 2, 'int32')];
        await check([
          x.add(y),
          x.sub(y),
          x.mul(y),
          x.div(y.abs().add(1)),
          x.maximum(y),
          x.minimum(y),
          x.less(y),
          x.equal(y),
          x.neg(),
          x.abs(),
          tc.where(x.less(y), x, y),
          x.sum(),
        ]);
      }),
    );

    it.skipIf(skipped)('that change the dtype', () =>
      always(shapes, 4, async (shape) => {
        const x = random(shape, 1).mul(100);
        const flags = random(shape, 2, 'bool');
        await check([
          x.cast('int32'),
          x.abs().cast('uint8'),
          x.cast('bool'),
          x.cast('int32').cast('float32'),
          flags.cast('float32'),
          flags.cast('int32'),
          flags.cast('uint8'),
          random(shape, 3, 'int32').cast('bool'),
        ]);
      }),
    );
  });

  /** `starts` and `ends` on one axis, everything on the others. */
  function along(
    axis: number,
    shape: readonly number[],
    starts: number[],
    ends: number[],
  ): [number[], number[]] {
    return [
      shape.map((_, i) => (i === axis ? starts[i]! : 0)),
      shape.map((d, i) => (i === axis ? ends[i]! : d)),
    ];
  }

  describe('movement', () => {
    const moved = fc.record({
      shape: shapes,
      order: fc.array(fc.integer(), { minLength: 4, maxLength: 4 }),
      cuts: fc.array(fc.tuple(fc.nat(16), fc.nat(16)), { minLength: 4, maxLength: 4 }),
      pairs: fc.array(fc.tuple(fc.nat(3), fc.nat(3)), { minLength: 4, maxLength: 4 }),
      value: fc.constantFrom(0, -1.5, Infinity),
      dtype: fc.constantFrom<tc.DType>('float32', 'int32', 'bool'),
    });

    it.skipIf(skipped)('of elements of any dtype', () =>
      always(moved, 5, async ({ shape, order, cuts, pairs, value, dtype }) => {
        const x = random(shape, 1, dtype);
        const axes = shape.map((_, axis) => axis);
        const permutation = [...axes].sort((a, b) => order[a]! - order[b]! || a - b);
        const [starts, ends] = [0, 1].map((side) =>
          shape.map((d, axis) => {
            const [p, q] = cuts[axis]!.map((c) => c % (d + 1)) as [number, number];
            return side === 0 ? Math.min(p, q) : Math.max(p, q);
          }),
        ) as [number[], number[]];
        const results = [
          x.transpose(permutation),
          x.transpose(),
          x.reshape([x.size]),
          x.reshape([1, ...shape, 1]),
          x.reshape([...shape].reverse()),
          x.flip(axes),
          x.flip(axes.slice(0, 1)),
          x.slice(starts, ends),
          x.pad(pairs.slice(0, shape.length), dtype === 'float32' ? value : 1),
          x.expand([2, ...shape]),
          x.reshape([...shape, 1]).expand([...shape, 3]),
          ...axes.map((axis) => tc.concat([x, x.slice(...along(axis, shape, starts, ends))], axis)),
          ...axes.map((axis) => tc.stack([x, x], axis)),
        ];
        await check(results, 0);
      }),
    );

    it.skipIf(skipped)('by indices', () => {
      const cases = fc.record({
        shape: fc.array(extent, { minLength: 1, maxLength: 3 }),
        at: fc.nat(2),
        indices: fc.array(fc.nat(100), { maxLength: 9 }),
        square: fc.boolean(),
      });
      return always(cases, 6, async ({ shape, at, indices, square }) => {
        const axis = at % shape.length;
        const list = Int32Array.from(indices, (i) => i % shape[axis]!);
        const picks = tc.tensor(list, square ? [list.length, 1] : [list.length]);
        const x = random(shape, 1);
        await check([
          tc.gather(x, picks, axis),
          tc.gather(random(shape, 2, 'int32'), picks, axis),
          tc.grad((y: tc.Tensor) => tc.gather(y, picks, axis).square().sum())(x),
        ]);
      });
    });
  });

  describe('reductions', () => {
    const reduced = fc.record({ shape: shapes, mask: fc.nat(15), keepDims: fc.boolean() });

    it.skipIf(skipped)('over any axes', () =>
      always(reduced, 7, async ({ shape, mask, keepDims }) => {
        const x = random(shape, 1);
        const axes = shape.flatMap((_, axis) => ((mask >> axis) & 1 ? [axis] : []));
        const some = axes.some((axis) => shape[axis] === 0);
        await check(
          [
            x.sum(axes, keepDims),
            x.sum(undefined, keepDims),
            ...(some ? [] : [x.mean(axes, keepDims), x.max(axes, keepDims)]),
            ...(some || axes.length === 0 ? [] : [tc.grad((y: tc.Tensor) => y.max(axes).sum())(x)]),
          ],
          2e-5,
        );
      }),
    );

    it.skipIf(skipped)('of a softmax along any axis', () => {
      const lines = fc.record({ shape: fc.array(empty, { minLength: 1, maxLength: 4 }), at: fc.nat(3) });
      return always(lines, 8, async ({ shape, at }) => {
        const axis = at % shape.length;
        const x = random(shape, 1).mul(20);
        const loss = (y: tc.Tensor): tc.Tensor => tc.softmax(y, axis).mul(random(shape, 3)).sum();
        const results = [tc.softmax(x, axis), tc.grad(loss)(x)];
        if (!shape.includes(0)) results.push(tc.logSoftmax(x, axis));
        await check(results);
      });
    });
  });

  describe('products', () => {
    it.skipIf(skipped)('of matrices, transposed or not, in batches that broadcast', () => {
      const cases = fc.record({
        batch: broadcasting.map(({ a, b }) => ({ a: a.slice(-2), b: b.slice(-2) })),
        m: empty,
        k: empty,
        n: empty,
        transposeA: fc.boolean(),
        transposeB: fc.boolean(),
      });
      return always(cases, 9, async ({ batch, m, k, n, transposeA, transposeB }) => {
        const a = random([...batch.a, ...(transposeA ? [k, m] : [m, k])], 1);
        const b = random([...batch.b, ...(transposeB ? [n, k] : [k, n])], 2);
        const product = a.matmul(b, { transposeA, transposeB });
        const loss = (x: readonly tc.Tensor[]): tc.Tensor =>
          x[0]!.matmul(x[1]!, { transposeA, transposeB }).square().sum();
        await check([product, ...tc.grad(loss)([a, b])], 1e-5);
      });
    });

    it.skipIf(skipped)('of a linear layer and attention', () => {
      const cases = fc.record({
        batch: fc.array(extent, { maxLength: 2 }),
        l: extent,
        s: extent,
        d: extent,
        e: extent,
      });
      return always(cases, 10, async ({ batch, l, s, d, e }) => {
        const q = random([...batch, l, d], 1);
        const [key, value] = [random([...batch, s, d], 2), random([...batch, s, e], 3)];
        await check(
          [tc.scaledDotProductAttention(q, key, value), tc.linear(q, random([e, d], 4), random([e], 5))],
          1e-5,
        );
      });
    });

    it.skipIf(skipped)('of images and kernels, with their gradients', () => {
      const cases = fc.record({
        n: fc.constantFrom(1, 2, 3),
        groups: fc.constantFrom(1, 1, 2, 3),
        c: fc.constantFrom(1, 2, 5),
        o: fc.constantFrom(1, 3),
        h: fc.integer({ min: 5, max: 11 }),
        w: fc.integer({ min: 5, max: 11 }),
        kh: fc.constantFrom(1, 2, 3),
        kw: fc.constantFrom(1, 3),
        stride: fc.constantFrom<number | number[]>(1, 2, [3, 1]),
        dilation: fc.constantFrom<number | number[]>(1, 2, [1, 2]),
        padding: fc.constantFrom<number | number[]>(0, 1, [0, 1, 2, 0]),
      });
      return always(cases, 11, async ({ n, groups, c, o, h, w, kh, kw, ...options }) => {
        const inputs = [
          random([n, c * groups, h, w], 1),
          random([o * groups, c, kh, kw], 2),
          random([o * groups], 3),
        ];
        const f = (x: readonly tc.Tensor[]): tc.Tensor =>
          tc.conv2d(x[0]!, x[1]!, { ...options, groups, bias: x[2]! });
        await check([f(inputs), ...tc.grad((x: readonly tc.Tensor[]) => f(x).square().sum())(inputs)], 1e-5);
      });
    });

    it.skipIf(skipped)('of windows, repeated pixels and groups of channels', () => {
      const cases = fc.record({
        n: empty,
        c: extent,
        h: fc.constantFrom(1, 2, 5),
        w: fc.constantFrom(1, 3),
        k: fc.constantFrom(1, 2, 3),
        eps: fc.constantFrom(1e-5, 0.1),
      });
      return always(cases, 12, async ({ n, c, h, w, k, eps }) => {
        const image = random([n, c, h * k, w * k], 1);
        const [scale, shift] = [random([2 * c], 2), random([2 * c], 3)];
        const pair = tc.concat([image, image.sin()], 1);
        await check(
          [
            tc.avgPool2d(image, { kernel: k }),
            tc.upsampleNearest2d(image, k),
            tc.groupNorm(pair, scale, shift, { groups: 2, eps }),
            tc.layerNorm(image, random([w * k], 4), random([w * k], 5), { eps }),
          ],
          2e-5,
        );
      });
    });

    it.skipIf(skipped)('of the largest in windows, and of resized images', () => {
      const cases = fc.record({
        shape: fc.tuple(
          fc.constantFrom(1, 2),
          fc.constantFrom(1, 3, 16),
          fc.constantFrom(4, 5),
          fc.constantFrom(4, 7),
        ),
        kernel: fc.constantFrom(1, 2, 3),
        stride: fc.constantFrom(1, 2),
        size: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 })),
        alignCorners: fc.boolean(),
        antialias: fc.boolean(),
      });
      return always(
        cases,
        13,
        async ({ shape, kernel, stride, size, ...options }) => {
          const image = random(shape, 1);
          const pooled = (y: tc.Tensor): tc.Tensor =>
            tc.maxPool2d(y, { kernel, stride, padding: kernel >> 1 });
          await check(
            [
              tc.maxPool2d(image, { kernel }),
              tc.grad((y: tc.Tensor) => pooled(y).square().sum())(image),
              tc.resizeBilinear(image, size, options),
            ],
            1e-5,
          );
        },
        8,
      );
    });
  });
});
