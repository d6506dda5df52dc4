/**
 * IEEE 754 binary16 in float32 arrays: rounding to nearest, ties to even, with subnormals and overflow to infinity, as
 * NumPy, PyTorch and GPUs round. Engines before ES2025 have no Math.f16round; this needs none. Whole arrays go through
 * assembly/float16.ts where there is SIMD.
 */
import { float16Wasm } from './wasm/float16.generated.ts';
import { ensureMemory, instantiateKernel, type Kernel } from './wasm/instantiate.ts';

/** The largest finite float16. */
export const FLOAT16_MAX = 65504;

const float32 = new Float32Array(1);
const word = new Uint32Array(float32.buffer);

/**
 * The 16 bits of the float16 nearest to a number (which is rounded to float32 first).
 *
 * @returns an integer from 0 to 65535; NaN gives 0x7e00
 */
export function toFloat16Bits(value: number): number {
  float32[0] = value;
  const bits = word[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // from 65520 on the nearest is infinity
  if (magnitude < 0x38800000) {
    // Below 2^-14 float16 has steps of 2^-24, those of float32 between 0.5 and 1: the addition rounds.
    float32[0] = magnitude === 0 ? 0.5 : Math.abs(value) + 0.5;
    return sign | (word[0]! - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** The number that 16 bits of float16 stand for. */
export function fromFloat16Bits(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** How many float16 values there are. */
export const FLOAT16_VALUES = 0x10000;

/** Numbers that are in the kernel's memory at a time. */
const CHUNK = 1 << 16;

/** The exports of assembly/float16.ts; addresses in bytes. */
interface Float16Kernel extends Kernel {
  heapBase(): number;
  roundScaled(at: number, count: number, scale: number, twice: number): number;
  tally(at: number, count: number, table: number): void;
}

let kernel: Float16Kernel | undefined;

/**
 * `Math.fround(values[i] * scale)` rounded to float16, for a whole array.
 *
 * @param out where the results go, as float32 numbers that float16 can hold; may be `values`
 * @param first `rounded`: values are rounded to float16 before they are scaled, too
 * @returns how many results are infinite
 */
export function scaleToFloat16(
  values: Float32Array,
  scale: number,
  out: Float32Array,
  first: 'rounded' | 'as they are' = 'as they are',
): number {
  const twice = first === 'rounded';
  kernel ??= instantiateKernel<Float16Kernel>(float16Wasm);
  // The kernel multiplies in float32, which is the same for a scale that float32 can hold.
  if (kernel === undefined || Math.fround(scale) !== scale) {
    if (!twice) return plainScaleToFloat16(values, scale, out);
    plainScaleToFloat16(values, 1, out);
    return plainScaleToFloat16(out, scale, out);
  }
  const at = chunkAddress(kernel);
  const memory = new Float32Array(kernel.memory.buffer, at, CHUNK);
  let infinite = 0;
  for (let from = 0; from < values.length; from += CHUNK) {
    const count = Math.min(CHUNK, values.length - from);
    memory.set(values.subarray(from, from + count));
    infinite += kernel.roundScaled(at, count, scale, twice ? 1 : 0);
    out.set(memory.subarray(0, count), from);
  }
  return infinite;
}

/** {@link scaleToFloat16}, a number at a time. */
export function plainScaleToFloat16(values: Float32Array, scale: number, out: Float32Array): number {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  let infinite = 0;
  for (let i = 0; i < values.length; i++) {
    out[i] = values[i]! * scale;
    const all = bits[i]!;
    const magnitude = all & 0x7fffffff;
    if (magnitude >= 0x477ff000) {
      if (magnitude <= 0x7f800000) {
        out[i] = all >>> 31 === 0 ? Infinity : -Infinity;
        infinite++;
      }
    } else if (magnitude >= 0x38800000) {
      bits[i] = (all + 0xfff + ((all >>> 13) & 1)) & ~0x1fff;
    } else {
      const value = out[i]!;
      const absolute = Math.fround(Math.abs(value) + 0.5) - 0.5;
      out[i] = all >>> 31 === 0 ? absolute : -absolute;
    }
  }
  return infinite;
}

/**
 * How often each float16 value occurs.
 *
 * @param values numbers that float16 can hold; -0 counts as 0, NaN as 0x7e00
 * @returns [65536] by the value's bits
 */
export function countFloat16(values: Float32Array): Uint32Array {
  kernel ??= instantiateKernel<Float16Kernel>(float16Wasm);
  if (kernel === undefined) return plainCountFloat16(values);
  const at = chunkAddress(kernel);
  const table = at + 4 * CHUNK;
  const counts = new Uint32Array(kernel.memory.buffer, table, FLOAT16_VALUES);
  const memory = new Float32Array(kernel.memory.buffer, at, CHUNK);
  counts.fill(0);
  for (let from = 0; from < values.length; from += CHUNK) {
    const count = Math.min(CHUNK, values.length - from);
    memory.set(values.subarray(from, from + count));
    kernel.tally(at, count, table);
  }
  return counts.slice();
}

/** {@link countFloat16}, a number at a time. */
export function plainCountFloat16(values: Float32Array): Uint32Array {
  const counts = new Uint32Array(FLOAT16_VALUES);
  for (const value of values) counts[toFloat16Bits(value === 0 ? 0 : value)]!++;
  return counts;
}

/** Where a chunk begins; a table of counts follows it. */
function chunkAddress(float16Kernel: Float16Kernel): number {
  const at = 16 * Math.ceil(float16Kernel.heapBase() / 16);
  ensureMemory(float16Kernel, at + 4 * CHUNK + 4 * FLOAT16_VALUES);
  return at;
}
