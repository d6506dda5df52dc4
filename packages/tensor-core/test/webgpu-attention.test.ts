/** Attention and its gradients on a GPU, against float64 on the host, by both variants of the kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DType } from '../src/dtype.ts';
import { type Shape } from '../src/shape.ts';
import { type Kernel, type Value, whole, workgroupBytes } from '../src/targets/webgpu/kernel.ts';
import {
  type AttentionSizes,
  emitAttention,
  emitAttentionGradients,
  emitAttentionLogSumExp,
} from '../src/targets/webgpu/kernels/attention.ts';
import { CollectingEmitter, runKernels, testValue } from './kernel-harness.ts';
import {
  capabilitiesFor,
  extent,
  numbers,
  portableCapabilities,
  randomData,
  softwareGpu,
  why,
  worstError,
} from './kernel-operands.ts';

type Names = 'q' | 'k' | 'v' | 'g';
type Results = Record<'out' | 'lse' | 'delta' | 'dq' | 'dk' | 'dv', Float64Array>;

/** Everything from its definition. */
function reference(x: Record<Names, Float64Array>, sizes: AttentionSizes): Results {
  const { batch, queries, keys, depth, scale } = sizes;
  const rows = batch * queries;
  const r: Results = {
    out: new Float64Array(rows * depth),
    lse: new Float64Array(rows),
    delta: new Float64Array(rows),
    dq: new Float64Array(rows * depth),
    dk: new Float64Array(batch * keys * depth),
    dv: new Float64Array(batch * keys * depth),
  };
  const dot = (a: Float64Array, i: number, b: Float64Array, j: number): number => {
    let sum = 0;
    for (let d = 0; d < depth; d++) sum += a[i * depth + d]! * b[j * depth + d]!;
    return sum;
  };
  const add = (to: Float64Array, i: number, factor: number, from: Float64Array, j: number): void => {
    for (let d = 0; d < depth; d++) to[i * depth + d]! += factor * from[j * depth + d]!;
  };
  for (let row = 0; row < rows; row++) {
    const first = Math.floor(row / queries) * keys;
    const scores = Array.from({ length: keys }, (_, s) => scale * dot(x.q, row, x.k, first + s));
    const largest = Math.max(...scores);
    r.lse[row] = largest + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - largest), 0));
    const p = scores.map((s) => Math.exp(s - r.lse[row]!));
    p.forEach((weight, s) => add(r.out, row, weight, x.v, first + s));
    r.delta[row] = dot(x.g, row, r.out, row);
    p.forEach((weight, s) => {
      const h = weight * (dot(x.g, row, x.v, first + s) - r.delta[row]!);
      add(r.dq, row, h * scale, x.k, first + s);
      add(r.dk, first + s, h * scale, x.q, row);
      add(r.dv, first + s, weight, x.g, row);
    });
  }
  return r;
}

/** Runs all kernels, and gives the largest error of each result. */
async function errorsOf(
  sizes: AttentionSizes,
  variant: string,
  dtype: DType,
): Promise<Record<string, number>> {
  const { batch, queries, keys, depth } = sizes;
  const emitter = new CollectingEmitter(capabilitiesFor('GPU'), variant);
  const shapes: Record<Names, Shape> = {
    q: [batch, queries, depth],
    k: [batch, keys, depth],
    v: [batch, keys, depth],
    g: [batch, queries, depth],
  };
  const names = ['q', 'k', 'v', 'g'] as const;
  const values = Object.fromEntries(
    names.map((name) => [name, testValue({ shape: shapes[name], dtype })]),
  ) as Record<Names, Value>;
  const data = new Map(
    names.map((name, i) => [values[name], randomData(shapes[name], dtype, 20 + i)] as const),
  );
  const x = Object.fromEntries(names.map((name) => [name, numbers(data.get(values[name])!)]));
  const wanted = reference(x as Record<Names, Float64Array>, sizes);
  const of = (shape: Shape, as: DType = dtype): Value => testValue({ shape, dtype: as });
  const results = {
    out: of(shapes.q),
    lse: of([batch, queries], 'float32'),
    dq: of(shapes.q),
    dk: of(shapes.k),
    dv: of(shapes.v),
  };
  const again = of([batch, queries], 'float32');
  const delta = of([batch, queries], 'float32');
  data.set(delta, Float32Array.from(wanted.delta));
  const [q, k, v, g] = names.map((name) => whole(values[name])) as [never, never, never, never];
  emitAttention(emitter, { ...sizes, q, k, v, out: whole(results.out), lse: whole(results.lse) });
  emitAttentionLogSumExp(emitter, { ...sizes, q, k, out: whole(again) });
  emitAttentionGradients(emitter, {
    ...sizes,
    q,
    k,
    v,
    g,
    lse: whole(again),
    delta: whole(delta),
    dq: whole(results.dq),
    dk: whole(results.dk),
    dv: whole(results.dv),
  });
  const keysOf = Object.keys(results) as (keyof typeof results)[];
  const run = await runKernels(
    softwareGpu!.device,
    emitter.kernels,
    data,
    keysOf.map((key) => results[key]),
  );
  return Object.fromEntries(
    keysOf.map((key, i) => {
      const got = numbers(run.results[i]!);
      // Where a query has one key, everything cancels in the gradients of scores.
      return [
        key,
        keys === 1 && (key === 'dq' || key === 'dk')
          ? Math.max(...got.map(Math.abs))
          : worstError(got, wanted[key]),
      ];
    }),
  );
}

function expectSmall(errors: Record<string, number>, dtype: DType): void {
  const tolerance = dtype === 'float16' ? 2e-3 : 2e-5;
  for (const [name, error] of Object.entries(errors)) expect(error, name).toBeLessThan(tolerance);
}

describe('attention', () => {
  it.skipIf(!softwareGpu)(`agrees with the host for any lengths and depths${why}`, async () => {
    const sizes = fc.record({
      batch: extent(3),
      queries: extent(257),
      keys: extent(97),
      depth: fc.constantFrom(1, 2, 4, 7, 8),
      scale: fc.constantFrom(0.125, 0.4),
    });
    await fc.assert(
      fc.asyncProperty(sizes, fc.constantFrom<DType>('float32', 'float16'), async (shape, dtype) => {
        expectSmall(await errorsOf(shape, '32 vectors', dtype), dtype);
      }),
      { numRuns: 4, seed: 6 },
    );
  });

  it.skipIf(!softwareGpu)(
    `shares long rows among lanes${why}`,
    async () => {
      const sizes = { batch: 2, queries: 40, keys: 44, depth: 20, scale: 0.2 };
      expectSmall(await errorsOf(sizes, '8 vectors', 'float32'), 'float32');
    },
    180_000,
  ); // lavapipe takes seconds to compile a kernel with barriers in its loops
});

describe('the text of attention', () => {
  const kernels = (depth: number): Kernel[] => {
    const emitter = new CollectingEmitter(portableCapabilities(false));
    const operand = (shape: Shape) => whole(testValue({ shape, dtype: 'float32' }));
    const q = operand([2, 10, depth]);
    const sizes = { batch: 2, queries: 10, keys: 10, depth, scale: 0.5 };
    emitAttention(emitter, { ...sizes, q, k: q, v: q, out: operand([2, 10, depth]) });
    return emitter.kernels;
  };

  it('goes over tiles', () =>
    expect(
      kernels(4)
        .map(({ body }) => body)
        .join('\n'),
    ).toMatchSnapshot());
  it.each([8, 40, 64, 128, 256, 512])('fits into the memory of every device with rows of %i', (depth) => {
    const bytes = Math.max(...kernels(depth).map(workgroupBytes));
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(16384);
  });
});
