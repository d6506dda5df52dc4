import { describe, expect, it } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { assignNoiseSync } from '../index.ts';
import { pairCost } from '../metric.ts';

const [batch, k, dimensions] = [40, 16, 192];
const x0 = streamUniform(1, 0, new Float32Array(batch * dimensions)).map((value) => value * 2 - 1);
const noise = streamNormal(1, 1, new Float32Array(batch * k * dimensions));

describe('nearest', () => {
  it.each(['l2', 'sqeuclidean', 'l1', 'dot'] as const)(
    'takes the best of each image’s own candidates (%s)',
    (metric) => {
      const { pairing, stats } = assignNoiseSync(x0, noise, { method: 'nearest', k, batch, metric });
      pairing.forEach((row, i) => {
        const costs = Array.from({ length: k }, (_, c) =>
          pairCost(metric, x0, i * dimensions, noise, (i * k + c) * dimensions, dimensions),
        );
        expect(row).toBe(i * k + costs.indexOf(Math.min(...costs)));
      });
      expect(stats.exact).toBe(true);
      expect(stats.gap).toBe(0);
      expect(stats.solvedCost).toBeCloseTo(stats.costAfter, 9);
      expect(stats.costAfter).toBeLessThan(stats.costBefore);
    },
  );

  it('works for one image, and takes k from the noise', () => {
    const one = assignNoiseSync(x0.subarray(0, dimensions), noise.subarray(0, k * dimensions), {
      method: 'nearest',
      batch: 1,
    });
    expect(one.stats.reduction).toBeLessThan(0);
    const shaped = assignNoiseSync(
      { data: x0, shape: [batch, 3, 8, 8] },
      { data: noise, shape: [batch, k, 3, 8, 8] },
      { method: 'nearest' },
    );
    expect(shaped.shape).toEqual([batch, 3, 8, 8]);
    expect(shaped.pairing[0]).toBe(one.pairing[0]);
  });

  it('shrinks the noise when it ranks by distance, and not by inner product', () => {
    const variance = (metric: 'l2' | 'dot', data: Float32Array): number =>
      assignNoiseSync(new Float32Array(batch * 48).fill(0.1), data, { method: 'nearest', batch, metric })
        .stats.marginal.variance;
    const small = streamNormal(2, 0, new Float32Array(batch * 64 * 48));
    expect(variance('l2', small)).toBeLessThan(0.8); // the shortest of 64 draws of 48 numbers
    // Four standard deviations of a sample variance, and the one direction of 48 in which the best stands out.
    expect(Math.abs(variance('dot', small) - 1)).toBeLessThan(4 * Math.sqrt(2 / (batch * 48)) + 4 / 48);
  });

  it('compares in float16 without scaling, the first of equals winning', () => {
    const { pairing, stats } = assignNoiseSync(
      Float32Array.of(0, 0),
      Float32Array.of(1.0001, 0, 1, 0, 2, 0),
      {
        method: 'nearest',
        batch: 1,
        precision: 'f16',
      },
    );
    expect([...pairing]).toEqual([0]);
    expect(stats.solvedCost).toBe(1);
    expect(stats.quantisation).toBeUndefined();
  });
});
