import { expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { assignNoiseSync } from '../index.ts';

it('pairs by noise read backwards in all dimensions, and hands out the noise as drawn', () => {
  const shape = [12, 2, 3, 4];
  const x0 = streamUniform(1, 0, new Float32Array(288)).map((value) => value * 2 - 1);
  const noise = streamNormal(1, 1, new Float32Array(288));
  // Reversing channels, rows and columns of a sample one by one.
  const reversed = noise.map((_, e) => {
    const [b, c, h, w] = [Math.floor(e / 24), Math.floor(e / 12) % 2, Math.floor(e / 4) % 3, e % 4] as const;
    return noise[b * 24 + (1 - c) * 12 + (2 - h) * 4 + (3 - w)]!;
  });
  const flipped = assignNoiseSync({ data: x0, shape }, { data: noise, shape }, { method: 'flipped' });
  const linear = assignNoiseSync({ data: x0, shape }, { data: reversed, shape });
  expect(flipped.pairing).toEqual(linear.pairing);
  flipped.pairing.forEach((row, i) => {
    expect(flipped.noise.subarray(24 * i, 24 * i + 24)).toEqual(noise.subarray(24 * row, 24 * row + 24));
  });
  // Its optimum is that of the reversed noise; measured on the noise in use it gains nothing to speak of.
  expect(flipped.stats.solvedCost).toBeCloseTo(linear.stats.costAfter, 5);
  expect(flipped.stats.costAfter).toBeGreaterThan(linear.stats.costAfter);
  expect(flipped.stats.exact).toBe(true);
});
