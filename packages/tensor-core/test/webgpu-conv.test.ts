/** Convolutions and their gradients on a GPU, against float64 on the host: every variant of both families of kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocate, type DType, type HostArray } from '../src/dtype.ts';
import { sizeOf } from '../src/shape.ts';
import { assemble } from '../src/targets/webgpu/assemble.ts';
import { type Capabilities, type Epilogue, type Operand, type Value } from '../src/targets/webgpu/kernel.ts';
import {
  type ConvShape,
  emitConv2d,
  emitConvInputGradient,
  emitConvWeightGradient,
} from '../src/targets/webgpu/kernels/conv.ts';
import { CollectingEmitter, runKernels, testValue } from './kernel-harness.ts';
import {
  capabilitiesFor,
  families,
  portableCapabilities,
  numbers,
  randomData,
  softwareGpu,
  why,
  worstError,
} from './kernel-operands.ts';

type Family = (typeof families)[number];
type Kind = 'forward' | 'input gradient' | 'weight gradient';

interface Case {
  readonly n: number;
  /** Channels of a group. */
  readonly c: number;
  readonly o: number;
  readonly groups: number;
  readonly h: number;
  readonly width: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** top, left, bottom, right */
  readonly padding: readonly [number, number, number, number];
  readonly dtype: DType;
  /** Elements before the operands in their values. */
  readonly offset: number;
  /** Bias, residual and SiLU. */
  readonly epilogue: boolean;
}

/** The convolution, or nothing where the kernel is larger than the padded image. */
function shapeOf({
  n,
  c,
  o,
  groups,
  h,
  width,
  kernel,
  stride,
  dilation,
  padding,
}: Case): ConvShape | undefined {
  const out = (size: number, axis: 0 | 1): number =>
    Math.floor(
      (size + padding[axis] + padding[axis + 2]! - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis],
    ) + 1;
  const [outH, outW] = [out(h, 0), out(width, 1)];
  if (outH < 1 || outW < 1) return undefined;
  const [kh, kw] = kernel;
  const attrs = { stride, dilation, padding, groups };
  return { n, c: c * groups, o: o * groups, h, width, kh, kw, outH, outW, attrs };
}

/** Calls `term` with the linear indices of x, w and y whose product is a term of the convolution. */
function forEachTerm(s: ConvShape, term: (x: number, w: number, y: number) => void): void {
  const { stride, dilation, padding, groups } = s.attrs;
  const [c, o] = [s.c / groups, s.o / groups];
  for (let n = 0; n < s.n; n++)
    for (let oc = 0; oc < s.o; oc++)
      for (let ic = 0; ic < c; ic++)
        for (let a = 0; a < s.kh; a++)
          for (let b = 0; b < s.kw; b++)
            for (let i = 0; i < s.outH; i++)
              for (let j = 0; j < s.outW; j++) {
                const row = i * stride[0]! + a * dilation[0]! - padding[0]!;
                const column = j * stride[1]! + b * dilation[1]! - padding[1]!;
                if (row < 0 || row >= s.h || column < 0 || column >= s.width) continue;
                const channel = Math.floor(oc / o) * c + ic;
                const x = ((n * s.c + channel) * s.h + row) * s.width + column;
                const w = ((oc * c + ic) * s.kh + a) * s.kw + b;
                term(x, w, ((n * s.o + oc) * s.outH + i) * s.outW + j);
              }
}

function operand(size: number, offset: number, dtype: DType, label: string): Operand {
  return { value: testValue({ shape: [size + offset], dtype }, label), offset, size };
}

interface Emitted {
  readonly emitter: CollectingEmitter;
  readonly data: Map<Value, HostArray>;
  readonly out: Operand;
  readonly reference: () => Float64Array;
}

function emitCase(
  given: Case,
  shape: ConvShape,
  kind: Kind,
  capabilities: Capabilities,
  variant?: string,
): Emitted {
  const { dtype, offset } = given;
  const sizes = {
    x: sizeOf([shape.n, shape.c, shape.h, shape.width]),
    w: sizeOf([shape.o, given.c, shape.kh, shape.kw]),
    y: sizeOf([shape.n, shape.o, shape.outH, shape.outW]),
  };
  const [first, second, result] = {
    forward: ['x', 'w', 'y'] as const,
    'input gradient': ['y', 'w', 'x'] as const,
    'weight gradient': ['x', 'y', 'w'] as const,
  }[kind];
  const a = operand(sizes[first], 0, dtype, first);
  const b = operand(sizes[second], offset, dtype, second);
  const bias = operand(shape.o, offset, dtype, 'bias');
  const out = operand(sizes[result], 0, dtype, 'out');
  const residual = operand(sizes[result], 0, dtype, 'residual');
  const data = new Map(
    [a, b, bias, residual].map(({ value }, i) => [value, randomData(value.shape, dtype, i + 1)]),
  );
  const cast = (v: string): string => (dtype === 'float16' ? `f16(${v})` : v);
  const epilogue: Epilogue = {
    reads: { e_residual: residual },
    code: 'fn e_silu(v: f32) -> f32 { return v / (1f + exp(-v)); }',
    apply: (v, i) => cast(`e_silu(${v} + f32(e_residual[e_residual_at() + ${i}]))`),
  };
  const emitter = new CollectingEmitter(capabilities, variant);
  const rest = { out, ...shape, ...(given.epilogue && { epilogue }) };
  if (kind === 'forward') emitConv2d(emitter, { x: a, w: b, ...(given.epilogue && { bias }), ...rest });
  else if (kind === 'input gradient') emitConvInputGradient(emitter, { g: a, w: b, ...rest });
  else emitConvWeightGradient(emitter, { x: a, g: b, ...rest });
  const reference = (): Float64Array => {
    const [p, q, added, more] = [a, b, bias, residual].map(({ value }) => numbers(data.get(value)!));
    const sums = new Float64Array(sizes[result]);
    forEachTerm(shape, (x, w, y) => {
      const at = { x, w, y };
      sums[at[result]] = sums[at[result]]! + p![at[first]]! * q![offset + at[second]]!;
    });
    if (!given.epilogue) return sums;
    return sums.map((sum, i) => {
      const channel = Math.floor(i / (shape.outH * shape.outW)) % shape.o;
      const v = sum + (kind === 'forward' ? added![offset + channel]! : 0) + more![i]!;
      return v / (1 + Math.exp(-v));
    });
  };
  return { emitter, data, out, reference };
}

async function errorOf(
  given: Case,
  shape: ConvShape,
  kind: Kind,
  family: Family,
  variant?: string,
): Promise<number> {
  return errorOfEmitted(emitCase(given, shape, kind, capabilitiesFor(family), variant));
}

async function errorOfEmitted({ emitter, data, out, reference }: Emitted): Promise<number> {
  // Whatever is not written shows.
  data.set(out.value, allocate(out.value.dtype, out.size).fill(7));
  const { results } = await runKernels(softwareGpu!.device, emitter.kernels, data, [out.value]);
  return worstError(numbers(results[0]!), reference());
}

const cases = fc.record({
  n: fc.integer({ min: 1, max: 3 }),
  c: fc.constantFrom(1, 2, 3, 5, 8, 16, 19),
  o: fc.constantFrom(1, 2, 3, 4, 7, 8, 12, 17, 33),
  groups: fc.constantFrom(1, 1, 2, 3),
  h: fc.integer({ min: 1, max: 11 }),
  width: fc.integer({ min: 1, max: 13 }),
  kernel: fc.constantFrom<(readonly [number, number])[]>([3, 3], [3, 3], [1, 1], [2, 3], [5, 1], [1, 7]),
  stride: fc.constantFrom<(readonly [number, number])[]>([1, 1], [1, 1], [2, 2], [1, 3], [3, 2]),
  dilation: fc.constantFrom<(readonly [number, number])[]>([1, 1], [1, 1], [2, 1], [2, 3]),
  padding: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3)),
  dtype: fc.constantFrom<DType[]>('float32', 'float32', 'float16'),
  offset: fc.constantFrom(0, 3, 64, 257),
  epilogue: fc.boolean(),
  pick: fc.nat(20),
});

const limits: Readonly<Record<string, number>> = { float32: 2e-6, float16: 2e-3 };
const kinds = ['forward', 'input gradient', 'weight gradient'] as const;

/** One of the variants; unrolled tiles take seconds to compile on a software adapter. */
function pickFrom(names: readonly string[], pick: number, family: Family): string {
  const quick = names.filter((name) => family === 'software' || !/^tiled.*[^d]$/.test(name));
  return quick[pick % quick.length]!;
}

/** A strided, lopsided convolution in groups, at any offset; long enough for k to be cut in parts. */
const awkward: Case = {
  n: 3,
  c: 11,
  o: 9,
  groups: 2,
  h: 13,
  width: 11,
  kernel: [3, 3],
  stride: [2, 1],
  dilation: [1, 2],
  padding: [2, 0, 1, 3],
  dtype: 'float32',
  offset: 3,
  epilogue: true,
};

describe.skipIf(!softwareGpu).each(kinds)(`conv2d on a GPU, %s${why}`, (kind) => {
  it.each(families)('holds for random shapes, %s', async (family) => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const shape = shapeOf(given);
        fc.pre(shape !== undefined);
        const { names } = emitCase(given, shape, kind, capabilitiesFor(family)).emitter.choices[0]!;
        const name = pickFrom(names, given.pick, family);
        expect(await errorOf(given, shape, kind, family, name), name).toBeLessThan(limits[given.dtype]!);
      }),
      { numRuns: family === 'GPU' ? 2 : 6, seed: 5, endOnFailure: true },
    );
  });

  it('holds in every variant of the software family', async () => {
    const given: Case = { ...awkward, epilogue: kind === 'forward' };
    const shape = shapeOf(given)!;
    const { names } = emitCase(given, shape, kind, capabilitiesFor('software')).emitter.choices[0]!;
    for (const name of names) {
      expect(await errorOf(given, shape, kind, 'software', name), name).toBeLessThan(2e-6);
    }
  });

  it('holds in tiles, untuned and looped', async () => {
    const given: Case = { ...awkward, c: 16, epilogue: false };
    const shape = shapeOf(given)!;
    const { names } = emitCase(given, shape, kind, capabilitiesFor('GPU')).emitter.choices[0]!;
    const tiled = names.filter((name) => name.startsWith('tiled'));
    for (const name of [tiled[0]!, tiled.at(-1)!]) {
      expect(await errorOf(given, shape, kind, 'GPU', name), name).toBeLessThan(2e-6);
    }
  });

  it('takes images that are over the limit of a binding in parts', async () => {
    const given: Case = { ...awkward, n: 5, epilogue: kind === 'forward' };
    const shape = shapeOf(given)!;
    const capabilities = { ...capabilitiesFor('software'), bindingBytes: 32_768 };
    const emitted = emitCase(given, shape, kind, capabilities);
    const whole = emitCase(given, shape, kind, capabilitiesFor('software'));
    expect(emitted.emitter.choices.length).toBeGreaterThan(whole.emitter.choices.length);
    expect(await errorOfEmitted(emitted)).toBeLessThan(2e-6);
  });

  it.each(families)('sums depthwise, %s', async (family) => {
    const given: Case = { ...awkward, c: 1, o: 1, groups: 13, n: 2, epilogue: false };
    expect(await errorOf(given, shapeOf(given)!, kind, family)).toBeLessThan(2e-6);
  });
});

describe.each(kinds)('conv2d, %s, as text', (kind) => {
  it.each(families)('%s', (family) => {
    const given: Case = { ...awkward, groups: 1, epilogue: false };
    const { emitter } = emitCase(given, shapeOf(given)!, kind, portableCapabilities(family === 'software'));
    const { kernels, capabilities } = emitter;
    expect(kernels.map((kernel) => assemble(kernel, capabilities).code).join('\n\n')).toMatchSnapshot();
  });
});
