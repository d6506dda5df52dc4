/** Sums and maxima on a GPU, against float64 on the host, by both families of kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DType, type HostArray } from '../src/dtype.ts';
import { type Shape, sizeOf, stridesOf } from '../src/shape.ts';
import { whole } from '../src/targets/webgpu/kernel.ts';
import { emitReduce } from '../src/targets/webgpu/kernels/reduce.ts';
import { type ReduceOp } from '../src/targets/webgpu/kernels/reduce-lanes.ts';
import { CollectingEmitter, runKernels, testValue } from './kernel-harness.ts';
import {
  capabilitiesFor,
  extent,
  families,
  input,
  numbers,
  portableCapabilities,
  randomData,
  softwareGpu,
  why,
  worstError,
} from './kernel-operands.ts';

/** Row-major over the kept axes. */
function reference(data: HostArray, shape: Shape, axes: readonly number[], op: ReduceOp): Float64Array {
  const kept = shape.filter((_, axis) => !axes.includes(axis));
  const strides = stridesOf(shape);
  const outStrides = stridesOf(kept);
  const out = new Float64Array(sizeOf(kept)).fill(op === 'sum' ? 0 : -Infinity);
  numbers(data).forEach((x, i) => {
    let o = 0;
    let k = 0;
    shape.forEach((extent, axis) => {
      if (!axes.includes(axis)) o += (Math.floor(i / strides[axis]!) % extent) * outStrides[k++]!;
    });
    out[o] = op === 'sum' ? out[o]! + x : Math.max(out[o]!, x);
  });
  return out;
}

interface Case {
  shape: Shape;
  axes: readonly number[];
  dtypes: readonly DType[];
  ops: readonly ReduceOp[];
  family: (typeof families)[number];
  centre?: number;
}

/** Runs one pass over inputs of several dtypes, and gives the errors of the results. */
async function errorsOf({ shape, axes, dtypes, ops, family, centre }: Case): Promise<number[]> {
  const emitter = new CollectingEmitter(capabilitiesFor(family));
  const kept = shape.filter((_, axis) => !axes.includes(axis));
  const terms = dtypes.map((dtype, t) => {
    const { value, prologue } = input(`x${t}`, shape, dtype);
    const out = testValue({ shape: kept, dtype });
    return { op: ops[t]!, value, prologue, out, data: randomData(shape, dtype, 7 + t, centre) };
  });
  emitReduce(emitter, {
    inputs: terms.map(({ op, prologue, out }) => ({ op, input: prologue, out: whole(out) })),
    axes,
  });
  const { results } = await runKernels(
    softwareGpu!.device,
    emitter.kernels,
    new Map(terms.map(({ value, data }) => [value, data])),
    terms.map(({ out }) => out),
  );
  return terms.map(({ data, op }, t) => worstError(numbers(results[t]!), reference(data, shape, axes, op)));
}

const tolerance: Partial<Record<DType, number>> = { float32: 2e-6, float16: 1e-3 };

describe.each(families)('reductions, %s kernels', (family) => {
  it.skipIf(!softwareGpu)(`agree with the host for any axes of any shape${why}`, async () => {
    const cases = fc
      .array(extent(33), { minLength: 1, maxLength: 4 })
      .chain((shape) =>
        fc.tuple(
          fc.constant(shape),
          fc.subarray(shape.map((_, axis) => axis)),
          fc.constantFrom<DType>('float32', 'int32', 'float16'),
          fc.constantFrom<ReduceOp>('sum', 'max'),
        ),
      );
    await fc.assert(
      fc.asyncProperty(cases, async ([shape, axes, dtype, op]) => {
        const errors = await errorsOf({ shape, axes, dtypes: ['float32', dtype], ops: ['sum', op], family });
        expect(errors[0]).toBeLessThan(2e-6);
        expect(errors[1]).toBeLessThanOrEqual(tolerance[dtype] ?? 0);
      }),
      { numRuns: 20, seed: 1 },
    );
  });

  it.skipIf(!softwareGpu).each([
    { shape: [3_000_017], axes: [0] },
    { shape: [2, 300_007], axes: [1] },
    { shape: [20_011, 3], axes: [0] },
    { shape: [70_001, 5], axes: [1] },
    { shape: [16, 64, 33, 31], axes: [0, 2, 3] },
    { shape: [7, 1, 1000, 2, 40], axes: [0, 2, 4] },
  ])(`keeps digits over $shape along $axes${why}`, async ({ shape, axes }) => {
    const errors = await errorsOf({ shape, axes, dtypes: ['float32'], ops: ['sum'], family, centre: 1 });
    expect(errors[0]).toBeLessThan(1e-6);
  });

  it.skipIf(!softwareGpu)(`finds the largest of numbers below zero, and of bytes${why}`, async () => {
    const below = { shape: [5, 3001], axes: [1], family, centre: -10 } as const;
    expect(await errorsOf({ ...below, dtypes: ['float32', 'uint8'], ops: ['max', 'max'] })).toEqual([0, 0]);
  });
});

describe('the text of a reduction', () => {
  const text = (software: boolean): string => {
    const emitter = new CollectingEmitter(portableCapabilities(software));
    const { prologue } = input('x', [4, 3, 5], 'float32');
    const out = testValue({ shape: [3], dtype: 'float32' });
    emitReduce(emitter, { inputs: [{ op: 'sum', input: prologue, out: whole(out) }], axes: [0, 2] });
    return emitter.kernels.map(({ body }) => body).join('\n');
  };

  it('has a tree over lanes on GPUs', () => expect(text(false)).toMatchSnapshot());
  it('has no barrier on software adapters', () => expect(text(true)).not.toContain('workgroupBarrier'));
  it('refuses a maximum over nothing', () => {
    const { prologue } = input('x', [4, 0], 'float32');
    const out = whole(testValue({ shape: [4], dtype: 'float32' }));
    const emitter = new CollectingEmitter(portableCapabilities(false));
    expect(() => emitReduce(emitter, { inputs: [{ op: 'max', input: prologue, out }], axes: [1] })).toThrow(
      'no elements',
    );
  });
});
