import { readFileSync } from 'node:fs';
import path from 'node:path';
import { streamUniform } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anchors, cifarPooled, haveCifar } from '../../test/real-data.ts';
import { frechetFromFeatures } from '../frechet.ts';
import { pooledPixels } from './pooled-pixels.ts';

const byte = (x: number): number => Math.fround(x / 127.5 - 1);

describe('pooledPixels', () => {
  it('gives the bytes of an image of 8×8', async () => {
    const bytes = Array.from({ length: 192 }, (_, i) => i);
    const features = await pooledPixels().features(Float32Array.from(bytes, byte), [1, 3, 8, 8]);
    expect([...features].map((v) => Math.round(v * 1e4) / 1e4)).toEqual(bytes);
  });

  it('keeps block means: each is the mean of what it covers', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          n: fc.integer({ min: 0, max: 3 }),
          c: fc.integer({ min: 1, max: 3 }),
          h: fc.integer({ min: 1, max: 4 }),
          w: fc.integer({ min: 1, max: 4 }),
          seed: fc.nat(),
        }),
        async ({ n, c, h, w, seed }) => {
          const images = streamUniform(seed, 0, new Float32Array(n * c * h * w * 64)).map((u) => 2 * u - 1);
          const extractor = pooledPixels({ channels: c });
          const features = await extractor.features(images, [n, c, 8 * h, 8 * w]);
          expect(features.length).toBe(n * extractor.dimension);
          const sums = new Float64Array(features.length);
          images.forEach((value, i) => {
            const plane = Math.floor(i / (64 * h * w));
            const y = Math.floor(i / (8 * w)) % (8 * h);
            const cell = plane * 64 + Math.floor(y / h) * 8 + Math.floor((i % (8 * w)) / w);
            sums[cell]! += (127.5 * (value + 1)) / (h * w);
          });
          features.forEach((value, i) => expect(value).toBeCloseTo(sums[i]!, 4));
        },
      ),
    );
  });

  it('refuses other channels and sizes that 8 does not divide, saying what to do', async () => {
    const grey = pooledPixels({ channels: 1 });
    await expect(grey.features(new Float32Array(784), [1, 1, 28, 28])).rejects.toThrow(
      /multiples of 8, got 1 channels of 28×28; crop or pad/,
    );
    await expect(pooledPixels().features(new Float32Array(64), [1, 1, 8, 8])).rejects.toThrow(
      /wanted 3 channels .* open it with \{ channels: 1 \}/,
    );
    await expect(grey.features(new Float32Array(64).fill(9), [1, 1, 8, 8])).rejects.toThrow(
      /got 9 in image 0/,
    );
    expect(() => pooledPixels({ channels: 1.5 })).toThrow(/got 1\.5/);
  });

  it.skipIf(!haveCifar)(
    'measures CIFAR-10 as published: the halves of the test set (skipped: IMMISCIBLE_CIFAR10 names no folder)',
    async () => {
      const file = path.join(process.env['IMMISCIBLE_CIFAR10'] ?? '', 'test_batch.bin');
      const records = readFileSync(file);
      const images = new Float32Array(10_000 * 3072);
      for (let i = 0; i < images.length; i++) {
        images[i] = byte(records[Math.floor(i / 3072) * 3073 + 1 + (i % 3072)]!);
      }
      const extractor = pooledPixels();
      const data = await extractor.features(images, [10_000, 3, 32, 32]);
      const exact = cifarPooled(['test_batch']).data;
      expect(data.every((value, i) => Math.abs(value - exact[i]!) < 1e-4)).toBe(true);
      const half = 5000 * extractor.dimension;
      const [a, b] = [data.subarray(0, half), data.subarray(half)].map((part) => ({
        data: part,
        dimension: extractor.dimension,
      }));
      const wanted = anchors().cifar10_pool192_test_first5000_vs_last5000[0]!;
      expect(frechetFromFeatures(a!, b!) / wanted).toBeCloseTo(1, 5);
    },
  );
});
