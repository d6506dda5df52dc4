/** Inputs of kernels in tests: prologues over plain values, random data, and capabilities of both kernel families. */
import fc from 'fast-check';
import { globals } from 'webgpu';
import { allocate, type DType, type HostArray } from '../src/dtype.ts';
import { fromFloat16, toFloat16 } from '../src/float16.ts';
import { sizeOf, type Shape } from '../src/shape.ts';
import { openGpu, type Gpu } from '../src/targets/webgpu/gpu.ts';
import { type Capabilities, type Prologue, type Value, whole } from '../src/targets/webgpu/kernel.ts';
import { capabilitiesOf, testValue } from './kernel-harness.ts';

// `GPUBufferUsage` and its like are globals in browsers.
Object.assign(globalThis, globals);

/** A software adapter, and none where Dawn finds none: then tests are skipped. */
export const softwareGpu: Gpu | undefined = await openGpu('webgpu:software').catch(() => undefined);

/** What a skipped test says of itself. */
export const why = softwareGpu ? '' : ' (skipped: Dawn finds no software adapter)';

/** Both families of kernels: with barriers, as for GPUs, and without, as for software adapters. */
export const families = ['GPU', 'software'] as const;

export function capabilitiesFor(family: (typeof families)[number]): Capabilities {
  return capabilitiesOf(softwareGpu!.device, family === 'software');
}

/** What every WebGPU device has: for texts of kernels, which want no device. */
export function portableCapabilities(software: boolean): Capabilities {
  return {
    software,
    f16: false,
    subgroups: false,
    workgroupMemory: 16384,
    workgroupInvocations: 256,
    storageBuffers: 8,
    bindingBytes: 2 ** 27,
    bindingAlignment: 256,
  };
}

/** `value` read as it is. @param name told apart from other prologues of the kernel */
function reading(value: Value, name: string): Prologue {
  const at = (i: string): string => `p_${name}[p_${name}_at() + ${i}]`;
  return {
    shape: value.shape,
    dtype: value.dtype,
    reads: { [`p_${name}`]: whole(value) },
    code: '',
    load: (i) => (value.dtype === 'float16' ? `f32(${at(i)})` : at(i)),
  };
}

/** A prologue over a new value. */
export function input(name: string, shape: Shape, dtype: DType): { value: Value; prologue: Prologue } {
  const value = testValue({ shape, dtype }, name);
  return { value, prologue: reading(value, name) };
}

/** Numbers of both signs around `centre`, from a seed; whole ones for integer types. */
export function randomData(shape: Shape, dtype: DType, seed: number, centre = 0): HostArray {
  const data = allocate(dtype, sizeOf(shape));
  let state = seed >>> 0;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const value = (state / 2 ** 32) * 4 - 2 + centre;
    if (dtype === 'float16') data[i] = toFloat16(value);
    else data[i] = dtype === 'float32' ? value : dtype === 'int32' ? Math.round(value * 1000) : state >>> 24;
  }
  return data;
}

/** The elements as numbers. */
export function numbers(data: HostArray): Float64Array {
  return Float64Array.from(data, data instanceof Uint16Array ? fromFloat16 : (x) => x);
}

/** An extent: 1, primes, powers of two and their neighbours. */
export function extent(max: number): fc.Arbitrary<number> {
  return fc.constantFrom(...[1, 2, 3, 5, 7, 8, 13, 16, 31, 32, 33, 64, 97, 128, 257].filter((n) => n <= max));
}

/** The largest difference, against the largest reference value. */
export function worstError(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let largest = 1e-30;
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    largest = Math.max(largest, Math.abs(wanted[i]!));
    const difference = Math.abs(actual[i]! - wanted[i]!);
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
  }
  return worst / largest;
}
