/** Kernels that run together compute what they compute apart, in an order in which they can, within what adapters allow. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HostArray } from '../src/dtype.ts';
import { assemble } from '../src/targets/webgpu/assemble.ts';
import { joinIndependent } from '../src/targets/webgpu/join.ts';
import { canJoin, joinKernels } from '../src/targets/webgpu/joint-kernel.ts';
import { type Capabilities, type Kernel, type Value, whole } from '../src/targets/webgpu/kernel.ts';
import { emitMatmul } from '../src/targets/webgpu/kernels/matmul.ts';
import { emitReduce } from '../src/targets/webgpu/kernels/reduce.ts';
import { CollectingEmitter, runKernels, testValue } from './kernel-harness.ts';
import {
  capabilitiesFor,
  families,
  input,
  portableCapabilities,
  randomData,
  softwareGpu,
  why,
} from './kernel-operands.ts';

const SIZE = 80;

/** out[at + i] = scale · Σ reads[i] + scale, for the first elements of the reads. */
function affine(reads: readonly Value[], out: Value, at: number, size: number, scale: number): Kernel {
  const sum = reads.map((_, k) => `x${k}[x${k}_at() + i]`).join(' + ') || '1.0';
  return {
    label: `affine ${size}`,
    body: `fn scaled(v: f32) -> f32 { return ${scale}.0 * v + ${scale}.0; }
fn run(group: vec3u, lane: u32) {
  let i = group.x * 8u + lane;
  if (i < ${size}u) { out[out_at() + i] = scaled(${sum}); }
}`,
    invocations: 8,
    reads: Object.fromEntries(reads.map((value, k) => [`x${k}`, whole(value)])),
    writes: { out: { value: out, offset: at, size } },
    workgroups: [Math.ceil(size / 8), 1, 1],
    flops: 2 * size,
  };
}

interface Step {
  readonly reads: readonly number[];
  readonly size: number;
  readonly scale: number;
  /** A part of the one value that everything may write a part of. */
  readonly intoParts: boolean;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    reads: fc.uniqueArray(fc.nat(30), { maxLength: 3 }),
    size: fc.integer({ min: 1, max: SIZE }),
    scale: fc.integer({ min: 1, max: 3 }),
    intoParts: fc.boolean(),
  }),
  { minLength: 4, maxLength: 24 },
);

/** Kernels each of which reads what earlier ones wrote, or the input. */
function programOf(list: readonly Step[]): { kernels: Kernel[]; source: Value; kept: Value[] } {
  const source = testValue({ shape: [SIZE], dtype: 'float32' });
  const parts = testValue({ shape: [SIZE * list.length], dtype: 'float32' });
  const values = [source];
  const kernels = list.map(({ reads, size, scale, intoParts }, k) => {
    const sources = reads.map((i) => values[i % values.length]!);
    const out = intoParts ? parts : testValue({ shape: [SIZE], dtype: 'float32' });
    if (!intoParts) values.push(out);
    return affine(sources, out, intoParts ? k * SIZE : 0, size, scale);
  });
  return { kernels, source, kept: [source, parts, values.at(-1)!] };
}

function joined(kernels: readonly Kernel[], kept: readonly Value[], capabilities: Capabilities): Kernel[] {
  return joinIndependent(kernels, {
    capabilities,
    isTemporary: (value) => !kept.includes(value),
    makeValue: (type, label) => testValue(type, label),
  });
}

describe('joining kernels', () => {
  it('keeps to what an adapter binds, and does all of the work', () => {
    let saved = 0;
    fc.assert(
      fc.property(steps, (list) => {
        const { kernels, kept } = programOf(list);
        const limits = portableCapabilities(true);
        const together = joined(kernels, kept, limits);
        for (const kernel of together) {
          expect(assemble(kernel, limits).bindings.length).toBeLessThanOrEqual(limits.storageBuffers);
        }
        const work = (all: readonly Kernel[]): number => all.reduce((sum, { flops }) => sum + flops, 0);
        expect(work(together)).toBe(work(kernels));
        saved += kernels.length - together.length;
      }),
    );
    expect(saved).toBeGreaterThan(100);
  });

  it('names what is in a joint kernel', () => {
    const value = (): Value => testValue({ shape: [SIZE], dtype: 'float32' });
    const of = (size: number): Kernel => affine([], value(), 0, size, 1);
    const { label } = joinKernels([8, 9, 8, 10, 11].map(of), portableCapabilities(true));
    expect(label).toBe('2 × affine 8 + affine 9 + affine 10 + 1 more');
  });

  it('takes no more workgroup memory than there is, and lets kernels take turns in it', () => {
    const limits = portableCapabilities(false);
    const of = (type: 'f32' | 'vec4f', size: number): Kernel => ({
      ...affine([], testValue({ shape: [SIZE], dtype: 'float32' }), 0, SIZE, 1),
      shared: { held: { type, size } },
    });
    const [one, other] = [of('f32', 3000), of('f32', 2000)];
    expect(canJoin([one, other], limits)).toBe(true);
    expect(joinKernels([one, other], limits).shared).toEqual({ shared_f32_0: { type: 'f32', size: 3000 } });
    expect(canJoin([one, of('vec4f', 512)], limits)).toBe(false);
  });

  it('does not join kernels that see one value as scalars and as vectors where it is written', () => {
    const limits = portableCapabilities(false);
    const out = testValue({ shape: [SIZE], dtype: 'float32' });
    const kernel = affine([], out, 0, 8, 1);
    const other: Kernel = { ...affine([], out, 8, 8, 1), vectors: ['out'] };
    expect(canJoin([kernel, other], limits)).toBe(false);
  });
});

describe.skipIf(!softwareGpu)(`joint kernels${why}`, () => {
  it('compute what their kernels compute, whatever waits for whatever', async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(4, 16), async (list, storageBuffers) => {
        const { kernels, source, kept } = programOf(list);
        const data = new Map<Value, HostArray>([
          [source, Float32Array.from({ length: SIZE }, (_, i) => i % 5)],
        ]);
        const together = joined(kernels, kept, { ...portableCapabilities(true), storageBuffers });
        const run = async (all: readonly Kernel[]): Promise<HostArray[]> =>
          (await runKernels(softwareGpu!.device, all, data, kept)).results;
        expect(await run(together)).toEqual(await run(kernels));
      }),
      { numRuns: 12, seed: 5 },
    );
  }, 120_000);

  it.each(families)('meet at their barriers: products and sums of the %s family', async (family) => {
    const emitter = new CollectingEmitter(capabilitiesFor(family));
    const data = new Map<Value, HostArray>();
    const matrix = (...shape: number[]): Value => {
      const value = testValue({ shape, dtype: 'float32' });
      const size = shape.reduce((a, b) => a * b, 1);
      data.set(
        value,
        Float32Array.from({ length: size }, (_, i) => ((i * 7) % 11) - 5),
      );
      return value;
    };
    const outs: Value[] = [];
    const out = (...shape: number[]): Value => {
      const value = testValue({ shape, dtype: 'float32' });
      outs.push(value);
      return value;
    };
    for (const [m, n, k] of [
      [32, 32, 48],
      [32, 32, 48],
      [3, 36, 16],
    ] as const) {
      emitMatmul(emitter, {
        a: whole(matrix(m, k)),
        b: whole(matrix(k, n)),
        out: whole(out(m, n)),
        transposeA: false,
        transposeB: false,
        m,
        n,
        k,
        batch: { shape: [], a: [], b: [] },
      });
    }
    for (const rows of [3, 40]) {
      const { value, prologue } = input('x', [rows, 300], 'float32');
      data.set(value, randomData([rows, 300], 'float32', rows));
      emitReduce(emitter, { axes: [1], inputs: [{ op: 'sum', input: prologue, out: whole(out(rows)) }] });
    }
    const { kernels } = emitter;
    const together = joined(kernels, [...data.keys(), ...outs], capabilitiesFor(family));
    expect(together.length).toBeLessThan(kernels.length);
    const run = async (all: readonly Kernel[]): Promise<HostArray[]> =>
      (await runKernels(softwareGpu!.device, all, data, outs)).results;
    expect(await run(together)).toEqual(await run(kernels));
  });
});
