/** Softmax, its logarithm and its gradient on a GPU, against float64 on the host, by both families of kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DType, type HostArray } from '../src/dtype.ts';
import { type Shape, sizeOf, stridesOf } from '../src/shape.ts';
import { type Kernel, type Value, whole } from '../src/targets/webgpu/kernel.ts';
import { emitSoftmax, emitSoftmaxGradient } from '../src/targets/webgpu/kernels/softmax.ts';
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

/** Calls `row` with the positions of each row along `axis`. */
function eachRow(shape: Shape, axis: number, row: (positions: number[]) => void): void {
  const stride = stridesOf(shape)[axis]!;
  const n = shape[axis]!;
  for (let i = 0; i < sizeOf(shape); i++) {
    if (Math.floor(i / stride) % n === 0) row(Array.from({ length: n }, (_, j) => i + j * stride));
  }
}

function softmaxOf(x: Float64Array, shape: Shape, axis: number, log: boolean): Float64Array {
  const y = new Float64Array(x.length);
  eachRow(shape, axis, (row) => {
    const largest = Math.max(...row.map((i) => x[i]!));
    const total = row.reduce((sum, i) => sum + Math.exp(x[i]! - largest), 0);
    for (const i of row) {
      const shifted = x[i]! - largest;
      y[i] = log ? shifted - Math.log(total) : Math.exp(shifted) / total;
    }
  });
  return y;
}

function gradientOf(y: Float64Array, g: Float64Array, shape: Shape, axis: number): Float64Array {
  const out = new Float64Array(y.length);
  eachRow(shape, axis, (row) => {
    const total = row.reduce((sum, i) => sum + g[i]! * y[i]!, 0);
    for (const i of row) out[i] = y[i]! * (g[i]! - total);
  });
  return out;
}

async function run(
  kernels: readonly Kernel[],
  data: Map<Value, HostArray>,
  out: Value,
): Promise<Float64Array> {
  const { results } = await runKernels(softwareGpu!.device, kernels, data, [out]);
  return numbers(results[0]!);
}

describe.each(families)('softmax, %s kernels', (family) => {
  const shapes = fc
    .array(extent(33), { minLength: 1, maxLength: 3 })
    .chain((shape) => fc.tuple(fc.constant(shape), fc.nat(shape.length - 1)));

  it.skipIf(!softwareGpu)(`agrees with the host along any axis${why}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.boolean(),
        fc.constantFrom<DType>('float32', 'float16'),
        async ([shape, axis], log, dtype) => {
          const emitter = new CollectingEmitter(capabilitiesFor(family));
          const x = input('x', shape, dtype);
          const data = randomData(shape, dtype, 5, 90); // exp(90) is beyond float32
          const out = testValue({ shape, dtype });
          emitSoftmax(emitter, { input: x.prologue, axis, log, out: whole(out) });
          const y = await run(emitter.kernels, new Map([[x.value, data]]), out);
          const wanted = softmaxOf(numbers(data), shape, axis, log);
          expect(worstError(y, wanted)).toBeLessThan(dtype === 'float16' ? 1e-3 : 1e-5);
        },
      ),
      { numRuns: 15, seed: 3 },
    );
  });

  it.skipIf(!softwareGpu)(`agrees on the gradient along any axis${why}`, async () => {
    await fc.assert(
      fc.asyncProperty(shapes, async ([shape, axis]) => {
        const emitter = new CollectingEmitter(capabilitiesFor(family));
        const y = input('y', shape, 'float32');
        const g = input('g', shape, 'float32');
        const cotangent = randomData(shape, 'float32', 6);
        const value = Float32Array.from(
          softmaxOf(numbers(randomData(shape, 'float32', 7)), shape, axis, false),
        );
        const out = testValue({ shape, dtype: 'float32' });
        emitSoftmaxGradient(emitter, { y: y.prologue, g: g.prologue, axis, out: whole(out) });
        const held = new Map<Value, HostArray>([
          [y.value, value],
          [g.value, cotangent],
        ]);
        const dx = await run(emitter.kernels, held, out);
        const wanted = gradientOf(numbers(value), numbers(cotangent), shape, axis);
        // Rows of one element have the gradient 0, and nothing to measure an error against.
        const off = dx.reduce((worst, d, i) => Math.max(worst, Math.abs(d - wanted[i]!)), 0);
        expect(off).toBeLessThan(2e-6);
      }),
      { numRuns: 10, seed: 4 },
    );
  });

  it.skipIf(!softwareGpu).each([
    { shape: [3, 5000], axis: 1 },
    { shape: [700, 7], axis: 0 },
  ])(`takes long rows: $shape along $axis${why}`, async ({ shape, axis }) => {
    const emitter = new CollectingEmitter(capabilitiesFor(family));
    const x = input('x', shape, 'float32');
    const data = randomData(shape, 'float32', 8);
    const out = testValue({ shape, dtype: 'float32' });
    emitSoftmax(emitter, { input: x.prologue, axis, log: false, out: whole(out) });
    const y = await run(emitter.kernels, new Map([[x.value, data]]), out);
    expect(worstError(y, softmaxOf(numbers(data), shape, axis, false))).toBeLessThan(1e-5);
  });
});

describe('the text of softmax', () => {
  const text = (software: boolean): string => {
    const emitter = new CollectingEmitter(portableCapabilities(software));
    const out = whole(testValue({ shape: [2, 3, 40], dtype: 'float16' }));
    const { prologue } = input('x', [2, 3, 40], 'float16');
    emitSoftmax(emitter, { input: prologue, axis: 1, log: false, out });
    return emitter.kernels.map(({ body }) => body).join('\n');
  };

  it('without barriers is three loops', () => expect(text(true)).toMatchSnapshot());
  it('has a barrier only where lanes share a row', () => {
    expect(text(true)).not.toContain('workgroupBarrier');
    expect(text(false)).not.toContain('workgroupBarrier'); // rows of three elements, neighbours in memory
  });
});
