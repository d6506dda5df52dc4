import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden, relativeError } from '../test/golden.ts';
import { clipX0 } from './dynamic-threshold.ts';
import { SchedulerArgumentError } from './errors.ts';

/** generate.py's sample. */
const sample = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => 4 * Math.sin(0.7 * ((i * i) % 10007)));

describe('clipX0', () => {
  it.each(golden.thresholds)('thresholds as diffusers: $n values at $ratio, at most $most', (record) => {
    const { n, ratio, most, every, x0 } = record;
    const found = clipX0(sample(n), { ratio, most }, 1).filter((_, i) => i % every === 0);
    expect(relativeError(found, x0, 0.1)).toBeLessThan(2e-7);
  });

  it('clamps, or leaves alone', () => {
    const x0 = Float32Array.of(-3, -0.5, 2);
    expect(clipX0(x0, 1)).toEqual(Float32Array.of(-1, -0.5, 1));
    expect(clipX0(x0, null)).toBe(x0);
  });

  it('is clamping to 1 where the quantile is below 1, and stays within 1', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 20 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 1, max: 10, noNaN: true }),
        (values, ratio, most) => {
          const x0 = Float32Array.from(values);
          const found = clipX0(x0, { ratio, most }, 1);
          const below = x0.filter((value) => Math.abs(value) > 1).length < (1 - ratio) * (x0.length - 1);
          if (below) expect(found).toEqual(clipX0(x0, 1));
          expect(found.every((value, i) => Math.abs(value) <= 1 && value * x0[i]! >= 0)).toBe(true);
          expect(x0).toEqual(Float32Array.from(values));
        },
      ),
    );
  });

  it('takes the quantile of each sample by itself', () => {
    const parts = [sample(6), sample(12).slice(6), Float32Array.of(9, 0, 0, 0, 0, 1)];
    const clip = { ratio: 0.7, most: 20 };
    const together = clipX0(Float32Array.from(parts.flatMap((part) => [...part])), clip, 3);
    expect(together).toEqual(Float32Array.from(parts.flatMap((part) => [...clipX0(part, clip, 1)])));
  });

  it('wants to know how many samples there are', () => {
    for (const samples of [undefined, 0, 5]) {
      const attempt = (): unknown => clipX0(sample(6), { ratio: 0.5, most: 2 }, samples);
      expect(attempt).toThrow(SchedulerArgumentError);
      expect(attempt).toThrow(/wanted samples, the number of them in x \(6 values\), got/);
    }
  });
});
