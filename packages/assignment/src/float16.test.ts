import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import reference from '../golden/reference.json' with { type: 'json' };
import { countFloat16, plainCountFloat16, plainScaleToFloat16 } from './float16.ts';
import { FLOAT16_MAX, fromFloat16Bits, scaleToFloat16, toFloat16Bits } from './index.ts';

const everyBits = Array.from({ length: 0x10000 }, (_, bits) => bits);
const isNaN16 = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;

/** The definition of binary16 with BigInt-free integers: ± (fraction + hidden bit) · 2^(exponent - 25). */
function definition(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const significand = (bits & 1023) + (exponent === 0 ? 0 : 1024);
  const magnitude =
    exponent === 31
      ? (bits & 1023) === 0
        ? Infinity
        : NaN
      : significand * 2 ** (Math.max(1, exponent) - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

describe('float16, over all 65536 values', () => {
  it('decodes as the format is defined', () => {
    expect(everyBits.filter((bits) => !Object.is(fromFloat16Bits(bits), definition(bits)))).toEqual([]);
    expect(fromFloat16Bits(0x7bff)).toBe(FLOAT16_MAX);
    expect(fromFloat16Bits(0x3c01)).toBe(1 + 2 ** -10);
    expect(fromFloat16Bits(0x0001)).toBe(2 ** -24);
  });

  it('gives every value its own bits back', () => {
    const kept = (bits: number): number => (isNaN16(bits) ? 0x7e00 : bits);
    expect(everyBits.filter((bits) => toFloat16Bits(fromFloat16Bits(bits)) !== kept(bits))).toEqual([]);
  });

  it('rounds between every two neighbours to the nearest, ties to even', () => {
    const wrong = everyBits.slice(0, 0x7c00).filter((low) => {
      const high = low + 1;
      const below = fromFloat16Bits(low);
      const above = high === 0x7c00 ? 65536 : fromFloat16Bits(high); // infinity begins where 65536 would be rounded to
      const middle = (below + above) / 2;
      const ulp = middle * 2 ** -23;
      const even = low % 2 === 0 ? low : high;
      return (
        toFloat16Bits(middle) !== even ||
        toFloat16Bits(-middle) !== (even | 0x8000) ||
        toFloat16Bits(middle - ulp) !== low ||
        toFloat16Bits(middle + ulp) !== high
      );
    });
    expect(wrong).toEqual([]);
  });

  it('rounds arrays as it rounds numbers', () => {
    const any = fc.float32Array({ maxLength: 50 });
    const near = fc.array(fc.double({ min: -1e-4, max: 1e-4, noNaN: true }), { maxLength: 50 });
    fc.assert(
      fc.property(
        fc.oneof(
          any,
          near.map((list) => Float32Array.from(list)),
        ),
        (values) => {
          const out = new Float32Array(values.length);
          const infinite = scaleToFloat16(values, 1, out);
          expect(out).toEqual(values.map((value) => fromFloat16Bits(toFloat16Bits(value))));
          expect(infinite).toBe(out.filter((value) => Math.abs(value) === Infinity).length);
        },
      ),
    );
    const inPlace = Float32Array.of(1.0001, 70000, -1e-9);
    expect(scaleToFloat16(inPlace, 1, inPlace)).toBe(1);
    expect(inPlace).toEqual(Float32Array.of(1, Infinity, -0));
  });

  it('scales by 0.10 as PyTorch does, for every finite value', () => {
    const finite = Float32Array.from(everyBits.map(fromFloat16Bits).filter(Number.isFinite));
    const scaled = new Float32Array(finite.length);
    expect(scaleToFloat16(finite, Math.fround(0.1), scaled)).toBe(0);
    let hash = 0x811c9dc5; // FNV-1a over the bytes of the float16 bits
    for (const value of scaled) {
      const bits = toFloat16Bits(value);
      hash = Math.imul(hash ^ (bits & 255), 0x01000193);
      hash = Math.imul(hash ^ (bits >> 8), 0x01000193);
    }
    expect(hash >>> 0).toBe(reference.float16.scaledHash);
  });

  it('rounds between every two neighbours alike in SIMD and a number at a time, edges of chunks included', () => {
    const finite = Float32Array.from(everyBits.map(fromFloat16Bits).filter((value) => !Number.isNaN(value)));
    const exact = new Uint32Array(finite.buffer);
    const steps = [-0x1001, -0x1000, -0xfff, -1, 0, 1, 0xfff, 0x1000, 0x1001];
    const words = new Uint32Array(exact.length * steps.length);
    exact.forEach((word, n) => {
      for (const [s, step] of steps.entries()) {
        const magnitude = Math.min(0x7f800000, Math.max(0, (word & 0x7fffffff) + step));
        words[n * steps.length + s] = (word & 0x80000000) | magnitude;
      }
    });
    const around = new Float32Array(words.buffer);
    for (const scale of [1, Math.fround(0.1), 3]) {
      const [simd, plain] = [new Float32Array(around.length), new Float32Array(around.length)];
      expect(scaleToFloat16(around, scale, simd)).toBe(plainScaleToFloat16(around, scale, plain));
      expect(Buffer.from(simd.buffer).equals(Buffer.from(plain.buffer))).toBe(true);

      plainScaleToFloat16(around, 1, plain);
      plainScaleToFloat16(plain, scale, plain);
      scaleToFloat16(around, scale, simd, 'rounded');
      expect(Buffer.from(simd.buffer).equals(Buffer.from(plain.buffer))).toBe(true);
    }
    expect(countFloat16(around.subarray(0, 0))).toEqual(plainCountFloat16(around.subarray(0, 0)));
    const rounded = new Float32Array(around.length);
    scaleToFloat16(around, 1, rounded);
    expect(Buffer.from(countFloat16(rounded).buffer)).toEqual(Buffer.from(plainCountFloat16(rounded).buffer));
  });
});
