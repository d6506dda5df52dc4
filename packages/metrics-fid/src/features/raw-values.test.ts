import { describe, expect, it } from 'vitest';
import { MetricArgumentError } from '../errors.ts';
import { rawValues } from './raw-values.ts';

describe('rawValues', () => {
  it('gives every value of every image, in a copy', async () => {
    const points = Float32Array.of(0.5, -0.25, 1, 0);
    const extractor = rawValues([2, 1, 1]);
    const rows = await extractor.features(points, [2, 2, 1, 1]);
    expect([extractor.name, extractor.dimension]).toEqual(['values', 2]);
    expect(rows).toEqual(points);
    expect(rows).not.toBe(points);
  });

  it('wants images of the shape that it was opened with, in range', async () => {
    const extractor = rawValues([2, 1, 1]);
    await expect(extractor.features(new Float32Array(4), [1, 1, 2, 2])).rejects.toThrow(
      'wanted images of 2×1×1, got 1×2×2; open it with their shape',
    );
    await expect(extractor.features(Float32Array.of(3, 0), [1, 2, 1, 1])).rejects.toThrow(
      MetricArgumentError,
    );
    expect(() => rawValues([0, 1, 1])).toThrow('wanted a shape of whole numbers from 1, got 0×1×1');
  });
});
