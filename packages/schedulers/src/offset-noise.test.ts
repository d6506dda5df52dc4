import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SchedulerArgumentError } from './errors.ts';
import { offsetNoise } from './offset-noise.ts';

describe('offsetNoise', () => {
  it('moves every channel as a whole, and nothing at strength 0', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 9 }),
        fc.float({ min: 0, max: 2, noNaN: true }),
        (seed, channels, pixels, strength) => {
          const noise = streamNormal(seed, 0, new Float32Array(channels * pixels));
          const offsets = streamNormal(seed, 1, new Float32Array(channels));
          const found = offsetNoise(noise, offsets, strength);
          const moved = Array.from(found, (value, i) => value - noise[i]!);
          moved.forEach((by, i) => {
            expect(Math.abs(by - strength * offsets[Math.floor(i / pixels)]!)).toBeLessThan(1e-5);
          });
          expect(offsetNoise(noise, offsets, 0)).toEqual(noise);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('has variance 1 + s², and s² of it in the channel means', () => {
    const [channels, pixels, s] = [4000, 16, 0.5];
    const noise = streamNormal(1, 0, new Float32Array(channels * pixels));
    const found = offsetNoise(noise, streamNormal(1, 1, new Float32Array(channels)), s);
    const meanSquare = (values: number[]): number =>
      values.reduce((sum, v) => sum + v * v, 0) / values.length;
    const means = Array.from(
      { length: channels },
      (_, c) => found.subarray(c * pixels, (c + 1) * pixels).reduce((sum, v) => sum + v, 0) / pixels,
    );
    // Five standard deviations of each estimate.
    expect(Math.abs(meanSquare([...found]) - (1 + s * s))).toBeLessThan(0.04);
    expect(Math.abs(meanSquare(means) - (s * s + 1 / pixels))).toBeLessThan(0.035);
  });

  it.each([
    [7, 2, 0.1],
    [8, 0, 0.1],
    [8, 2, -1],
    [8, 2, NaN],
  ])('refuses %i values, %i offsets and strength %d', (values, channels, strength) => {
    const attempt = (): unknown =>
      offsetNoise(new Float32Array(values), new Float32Array(channels), strength);
    expect(attempt).toThrow(SchedulerArgumentError);
    expect(attempt).toThrow(`${values} values, ${channels} offsets and ${strength}`);
  });
});
