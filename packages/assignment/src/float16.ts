/**
 * IEEE 754 binary16 in float32 arrays: rounding to nearest, ties to even, with subnormals and overflow to infinity, as
 * NumPy, PyTorch and GPUs round. Engines before ES2025 have no Math.f16round; this needs none.
 */

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

/**
 * `Math.fround(values[i] * scale)` rounded to float16, for a whole array.
 *
 * @param out where the results go, as float32 numbers that float16 can hold; may be `values`
 * @returns how many results are infinite
 */
export function scaleToFloat16(values: Float32Array, scale: number, out: Float32Array): number {
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
