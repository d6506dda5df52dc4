import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFloat16, toFloat16 } from './float16.ts';

/** What the 16 bits mean, from the definition of binary16 in words of arithmetic alone. */
function defined(half: number): number {
  const sign = half >= 0x8000 ? -1 : 1;
  const exponent = Math.floor(half / 0x400) % 32;
  const fraction = half % 0x400;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The finite numbers at least 0, ascending: index = bits. */
const ladder = Array.from({ length: 0x7c00 }, (_, half) => defined(half));

describe('fromFloat16', () => {
  it('reads all 65536 patterns', () => {
    const wrong = Array.from({ length: 0x10000 }, (_, half) => half).filter(
      (half) => !Object.is(fromFloat16(half), defined(half)),
    );
    expect(wrong).toEqual([]);
  });
});

describe('toFloat16', () => {
  it('gives every pattern back, NaN as some NaN', () => {
    const wrong = Array.from({ length: 0x10000 }, (_, half) => half).filter((half) => {
      const value = defined(half);
      return Number.isNaN(value) ? !Number.isNaN(fromFloat16(toFloat16(value))) : toFloat16(value) !== half;
    });
    expect(wrong).toEqual([]);
  });

  it('rounds half way between any two neighbours to the even one, and a hair beside it to the nearer', () => {
    const wrong: number[] = [];
    for (let half = 0; half + 1 < ladder.length; half++) {
      const middle = (ladder[half]! + ladder[half + 1]!) / 2;
      const hair = middle * 2 ** -40;
      const even = half % 2 === 0 ? half : half + 1;
      for (const sign of [0, 0x8000]) {
        const value = (v: number): number => (sign ? -v : v);
        if (toFloat16(value(middle)) !== sign + even) wrong.push(half);
        if (toFloat16(value(middle - hair)) !== sign + half) wrong.push(half);
        if (toFloat16(value(middle + hair)) !== sign + half + 1) wrong.push(half);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('goes to infinity from 65520 on', () => {
    expect(toFloat16(65520)).toBe(0x7c00);
    expect(toFloat16(65519.999999)).toBe(0x7bff);
    expect(toFloat16(-1e300)).toBe(0xfc00);
    expect(toFloat16(-Infinity)).toBe(0xfc00);
  });

  it('keeps the sign of what vanishes', () => {
    expect([2 ** -25, -(2 ** -25), -0, 1e-320, -1e-320].map(toFloat16)).toEqual([
      0, 0x8000, 0x8000, 0, 0x8000,
    ]);
    expect(toFloat16(2 ** -25 * (1 + 2 ** -52))).toBe(1);
  });

  it('never decreases', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), fc.double({ noNaN: true }), (a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        expect(fromFloat16(toFloat16(low))).toBeLessThanOrEqual(fromFloat16(toFloat16(high)));
      }),
    );
  });
});
