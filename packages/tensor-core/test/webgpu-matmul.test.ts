/** Matrix products on a GPU, against float64 on the host: every variant of both families of kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate, type DType, type HostArray } from '../src/dtype.ts';
import { sizeOf, stridesOf } from '../src/shape.ts';
import { type Epilogue, type Operand, type Value } from '../src/targets/webgpu/kernel.ts';
import { assemble } from '../src/targets/webgpu/assemble.ts';
import { emitMatmul } from '../src/targets/webgpu/kernels/matmul.ts';
import { CollectingEmitter, runKernels, testValue } from './kernel-harness.ts';
import {
  capabilitiesFor,
  extent,
  families,
  portableCapabilities,
  numbers,
  randomData,
  softwareGpu,
  why,
  worstError,
} from './kernel-operands.ts';

interface Case {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly batch?: readonly number[];
  /** Batch axes along which an operand is the same. */
  readonly broadcastA?: readonly number[];
  readonly broadcastB?: readonly number[];
  readonly dtype?: DType;
  /** Elements before the operands in their values. */
  readonly offset?: number;
  readonly epilogue?: boolean;
}

/** Strides of matrices of `size` over the batch, 0 along broadcast axes; and how many matrices there are. */
function batchStrides(
  batch: readonly number[],
  broadcast: readonly number[],
  size: number,
): [number[], number] {
  const own = batch.map((extent, axis) => (broadcast.includes(axis) ? 1 : extent));
  const strides = stridesOf(own).map((stride, axis) => (own[axis] === 1 ? 0 : stride * size));
  return [strides, sizeOf(own)];
}

function operand(size: number, offset: number, dtype: DType, label: string): Operand {
  return { value: testValue({ shape: [size + offset], dtype }, label), offset, size };
}

function setUp(given: Case): {
  spec: Parameters<typeof emitMatmul>[1];
  data: Map<Value, HostArray>;
  reference: () => Float64Array;
} {
  const {
    m,
    n,
    k,
    transposeA = false,
    transposeB = false,
    batch = [],
    dtype = 'float32',
    offset = 0,
  } = given;
  const [aStrides, aCount] = batchStrides(batch, given.broadcastA ?? [], m * k);
  const [bStrides, bCount] = batchStrides(batch, given.broadcastB ?? [], n * k);
  const count = sizeOf(batch);
  const a = operand(aCount * m * k, offset, dtype, 'a');
  const b = operand(bCount * n * k, offset, dtype, 'b');
  const out = operand(count * m * n, 0, dtype, 'out');
  const bias = operand(n, offset, dtype, 'bias');
  const residual = operand(count * m * n, 0, dtype, 'residual');
  const values = [a, b, bias, residual].map(({ value }) => value);
  const data = new Map(values.map((value, i) => [value, randomData(value.shape, dtype, i + 1)]));
  const store = (v: string): string => (dtype === 'float16' ? `f16(${v})` : v);
  const epilogue: Epilogue = {
    reads: { e_bias: bias, e_residual: residual },
    code: 'fn e_silu(v: f32) -> f32 { return v / (1f + exp(-v)); }',
    apply: (v, i) =>
      store(
        `e_silu(${v} + f32(e_bias[e_bias_at() + ${i} % ${n}u]) + f32(e_residual[e_residual_at() + ${i}]))`,
      ),
  };
  const reference = (): Float64Array => {
    const [x, y, added, more] = values.map((value) => numbers(data.get(value)!));
    const result = new Float64Array(count * m * n);
    const starts = (strides: readonly number[], z: number): number =>
      stridesOf(batch).reduce(
        (sum, stride, axis) => sum + (Math.floor(z / stride) % batch[axis]!) * strides[axis]!,
        offset,
      );
    for (let z = 0; z < count; z++) {
      const [from, against] = [starts(aStrides, z), starts(bStrides, z)];
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let l = 0; l < k; l++) {
            sum +=
              x![from + (transposeA ? l * m + i : i * k + l)]! *
              y![against + (transposeB ? j * k + l : l * n + j)]!;
          }
          const at = (z * m + i) * n + j;
          if (given.epilogue) {
            sum += added![offset + j]! + more![at]!;
            sum /= 1 + Math.exp(-sum);
          }
          result[at] = sum;
        }
      }
    }
    return result;
  };
  return {
    spec: {
      a,
      b,
      out,
      transposeA,
      transposeB,
      m,
      n,
      k,
      batch: { shape: batch, a: aStrides, b: bStrides },
      ...(given.epilogue && { epilogue }),
    },
    data,
    reference,
  };
}

/** Names of the variants that there are. */
function variantsOf(given: Case, family: (typeof families)[number]): string[] {
  const emitter = new CollectingEmitter(capabilitiesFor(family));
  emitMatmul(emitter, setUp(given).spec);
  return emitter.choices[0]!.names;
}

/** One of the variants; unrolled tiles take seconds to compile on a software adapter. */
function pickFrom(names: readonly string[], pick: number, family: (typeof families)[number]): string {
  const quick = names.filter((name) => family === 'software' || / looped$|^dots|^lanes/.test(name));
  return quick[pick % quick.length]!;
}

async function errorOf(
  given: Case,
  family: (typeof families)[number],
  variant?: string,
  bindingBytes?: number,
): Promise<number> {
  const { spec, data, reference } = setUp(given);
  const capabilities = capabilitiesFor(family);
  const limited = bindingBytes === undefined ? capabilities : { ...capabilities, bindingBytes };
  const emitter = new CollectingEmitter(limited, variant);
  emitMatmul(emitter, spec);
  if (bindingBytes !== undefined) {
    const operands = emitter.kernels.flatMap(({ reads: { a, b }, writes: { y } }) => [a!, b!, y!]);
    for (const { size } of operands) expect(size * 4).toBeLessThanOrEqual(bindingBytes);
  }
  // Whatever is not written shows.
  data.set(spec.out.value, allocate(spec.out.value.dtype, spec.out.size).fill(7));
  const { results } = await runKernels(softwareGpu!.device, emitter.kernels, data, [spec.out.value]);
  return worstError(numbers(results[0]!), reference());
}

const cases: fc.Arbitrary<Case & { readonly pick: number }> = fc.record({
  m: extent(97),
  n: extent(128),
  k: extent(257),
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
  batch: fc.constantFrom([], [3], [2, 3], [1, 2]),
  broadcastA: fc.constantFrom([], [0], [1], [0, 1]),
  broadcastB: fc.constantFrom([], [0], [1], [0, 1]),
  offset: fc.constantFrom(0, 0, 4, 3, 257),
  dtype: fc.constantFrom<DType>('float32', 'float32', 'float16'),
  epilogue: fc.boolean(),
  pick: fc.nat(20),
});

const limits: Readonly<Record<string, number>> = { float32: 2e-6, float16: 2e-3 };

/** One with everything that can be awkward: nothing divides, operands begin anywhere, k is cut in parts. */
const awkward: Case = {
  m: 33,
  n: 38,
  k: 263,
  batch: [2],
  broadcastB: [0],
  transposeB: true,
  transposeA: true,
  offset: 3,
};

/** One whose tiles, vectors and batches are whole. */
const smooth: Case = { m: 64, n: 128, k: 256, offset: 64, epilogue: true };

describe.skipIf(!softwareGpu)(`matmul on a GPU${why}`, () => {
  it.each(families)('holds for random shapes, %s', async (family) => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const name = pickFrom(variantsOf(given, family), given.pick, family);
        expect(await errorOf(given, family, name), name).toBeLessThan(limits[given.dtype!]!);
      }),
      { numRuns: family === 'GPU' ? 3 : 8, seed: 1, endOnFailure: true },
    );
  });

  it('holds in every variant of the software family', async () => {
    for (const name of variantsOf(awkward, 'software')) {
      expect(await errorOf(awkward, 'software', name), name).toBeLessThan(2e-6);
    }
  });

  it.each([
    ['awkward', awkward],
    ['smooth', smooth],
  ])('holds in a variant of each kind of the GPU family, %s', async (_, given) => {
    const names = variantsOf(given, 'GPU');
    const isLooped = (name: string): boolean => name.endsWith('looped');
    const looped = [
      names.find((name) => / in \d+ looped/.test(name)),
      names.find((name) => /\d looped/.test(name) && !name.includes(' in ')),
    ];
    for (const name of [...looped, names.find((name) => !isLooped(name)), 'dots']) {
      if (name !== undefined) expect(await errorOf(given, 'GPU', name), name).toBeLessThan(2e-6);
    }
  });

  it('takes what is over the limit of a binding in parts, of rows or of the batch', async () => {
    const rows: Case = { m: 61, n: 24, k: 16, offset: 3, epilogue: true };
    expect(await errorOf(rows, 'software', undefined, 4096)).toBeLessThan(2e-6);
    const batch: Case = { m: 5, n: 24, k: 8, batch: [7, 2], broadcastA: [0] };
    expect(await errorOf(batch, 'software', undefined, 4096)).toBeLessThan(2e-6);
  });

  it.each(families)('folds more workgroups than a dimension may have, %s', async (family) => {
    const given: Case = { m: 1, n: 16, k: 1, batch: [70_000], broadcastA: [0] };
    expect(await errorOf(given, family)).toBeLessThan(2e-6);
  });
});

describe('matmul, as text', () => {
  it.each([
    ['GPU', false],
    ['software', true],
  ])('%s', (_, software) => {
    const emitter = new CollectingEmitter(portableCapabilities(software));
    emitMatmul(emitter, setUp({ m: 64, n: 64, k: 32 }).spec);
    const { kernels, capabilities } = emitter;
    expect(kernels.map((kernel) => assemble(kernel, capabilities).code).join('\n\n')).toMatchSnapshot();
  });
});
