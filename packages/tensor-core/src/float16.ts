/** IEEE 754 binary16 on the host: rounding to nearest even, subnormals, infinities and NaN. */
const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/**
 * The bits of `value` as a float32 that is inexact in its last bit where float32 does not hold it exactly: rounding
 * these again, to fewer digits, gives what rounding `value` once would have given.
 */
function bitsRoundedToOdd(value: number): number {
  float[0] = value;
  const rounded = float[0];
  if (rounded === value || Number.isNaN(value)) return bits[0]!;
  const truncated = Math.abs(rounded) > Math.abs(value) ? bits[0]! - 1 : bits[0]!;
  return truncated | 1;
}

/** The 16 bits of `value` rounded to nearest even; from 65520 on it becomes infinity. */
export function toFloat16(value: number): number {
  const x = bitsRoundedToOdd(value);
  const sign = (x >>> 16) & 0x8000;
  const exponent = (x >>> 23) & 0xff;
  const mantissa = x & 0x7fffff;
  if (exponent === 0xff) return sign | 0x7c00 | (mantissa ? 0x200 | (mantissa >>> 13) : 0);
  const e = exponent - 112;
  if (e >= 31) return sign | 0x7c00;
  if (e <= 0) {
    if (e < -10) return sign;
    const full = mantissa | 0x800000;
    const shift = 14 - e;
    const half = full >>> shift;
    const rest = full & ((1 << shift) - 1);
    const middle = 1 << (shift - 1);
    return sign | (half + (rest > middle || (rest === middle && half & 1) ? 1 : 0));
  }
  const half = (e << 10) | (mantissa >>> 13);
  const rest = mantissa & 0x1fff;
  return sign | (half + (rest > 0x1000 || (rest === 0x1000 && half & 1) ? 1 : 0));
}

/** The number that 16 bits stand for. */
export function fromFloat16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 0x3ff;
  if (exponent === 31) return mantissa ? NaN : sign * Infinity;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
