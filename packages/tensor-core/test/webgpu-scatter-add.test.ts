/** Scattered sums on a GPU, against the host, by both families of kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DType, type HostArray } from '../src/dtype.ts';
import { type Value, whole } from '../src/targets/webgpu/kernel.ts';
import { emitScatterAdd } from '../src/targets/webgpu/kernels/scatter-add.ts';
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

interface Case {
  indices: Int32Array;
  rows: number;
  inner: number;
  dtype: DType;
  family: (typeof families)[number];
}

async function errorOf({ indices, rows, inner, dtype, family }: Case): Promise<number> {
  const emitter = new CollectingEmitter(capabilitiesFor(family));
  const at = input('indices', [indices.length], 'int32');
  const updates = input('updates', [indices.length, inner], dtype);
  const out = testValue({ shape: [rows, inner], dtype });
  emitScatterAdd(emitter, {
    indices: at.prologue,
    updates: updates.prologue,
    extent: rows,
    inner,
    out: whole(out),
  });
  const data = randomData([indices.length, inner], dtype, 11);
  const held = new Map<Value, HostArray>([
    [at.value, indices],
    [updates.value, data],
  ]);
  const { results } = await runKernels(softwareGpu!.device, emitter.kernels, held, [out]);
  const wanted = new Float64Array(rows * inner);
  numbers(data).forEach((u, i) => {
    const row = indices[Math.floor(i / inner)]!;
    if (row >= 0 && row < rows) wanted[row * inner + (i % inner)]! += u;
  });
  return worstError(numbers(results[0]!), wanted);
}

const tolerance: Partial<Record<DType, number>> = { float32: 1e-6, float16: 1e-3 };

describe.each(families)('scatterAdd, %s kernels', (family) => {
  it.skipIf(!softwareGpu)(`agrees with the host, and leaves out what is out of range${why}`, async () => {
    const cases = fc.record({
      places: fc.array(fc.integer({ min: -2, max: 20 }), { minLength: 1, maxLength: 60 }),
      rows: extent(16),
      inner: extent(97),
      dtype: fc.constantFrom<DType>('float32', 'float16', 'int32'),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ places, rows, inner, dtype }) => {
        const error = await errorOf({ indices: Int32Array.from(places), rows, inner, dtype, family });
        expect(error).toBeLessThanOrEqual(tolerance[dtype] ?? 0);
      }),
      { numRuns: 12, seed: 5 },
    );
  });

  it.skipIf(!softwareGpu)(`adds many rows to few${why}`, async () => {
    const indices = Int32Array.from({ length: 20_011 }, (_, i) => (i * 7) % 3);
    expect(await errorOf({ indices, rows: 3, inner: 2, dtype: 'float32', family })).toBeLessThan(1e-6);
  });
});

describe('the text of scatterAdd', () => {
  it('reads as it did', () => {
    const emitter = new CollectingEmitter(portableCapabilities(true));
    const at = input('indices', [10], 'int32').prologue;
    const updates = input('updates', [10, 8], 'float16').prologue;
    const out = whole(testValue({ shape: [4, 8], dtype: 'float16' }));
    emitScatterAdd(emitter, { indices: at, updates, extent: 4, inner: 8, out });
    expect(emitter.kernels.map(({ body }) => body)).toMatchSnapshot();
  });
});
