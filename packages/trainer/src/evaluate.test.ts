import { type ImageDataset, memoryDataset, normalise } from '@immiscible/datasets';
import { MetricArgumentError } from '@immiscible/metrics-fid';
import { streamNormal } from '@immiscible/random';
import { beforeAll, describe, expect, it } from 'vitest';
import { openData, testDevice, tinyRun } from '../test/tiny.ts';
import { makeReference, measureQuality, openFeatures, type Reference } from './evaluate.ts';

const SAMPLES = 200;
const SHAPE = [1, 8, 8] as const;
const opened = testDevice();
const { data } = tinyRun();

/** Images of the training split: real, and none of the reference's. */
async function realImages(count: number): Promise<Float32Array> {
  const train = await openData({ data: { ...data, split: 'train' } as typeof data });
  const bytes = new Uint8Array(count * 64);
  for (let i = 0; i < count; i++) await train.readInto(i, bytes, i * 64);
  const images = new Float32Array(bytes.length);
  normalise(bytes, images);
  return images;
}

describe('quality against real images', () => {
  let dataset: ImageDataset;
  let reference: Reference;
  beforeAll(async () => {
    dataset = await openData({ data });
    const extractor = await openFeatures(opened.device, 'pixels-8x8', dataset);
    reference = await makeReference(dataset, extractor, { samples: SAMPLES, seed: 3 });
  });

  it('takes up to ten thousand of them, as the seed says', async () => {
    expect(reference.images).toBe(10_000);
    expect(reference.moments.count).toBe(10_000);
    expect(reference.subset).toHaveLength(SAMPLES * 64);
    const again = await makeReference(dataset, reference.extractor, { samples: SAMPLES, seed: 3 });
    expect(again.floor).toEqual(reference.floor);
    expect(again.subset).toEqual(reference.subset);
    const other = await makeReference(dataset, reference.extractor, { samples: SAMPLES, seed: 4 });
    expect(other.subset).not.toEqual(reference.subset);
  });

  it('is the floor for other real images, and far from it for noise', async () => {
    const real = await measureQuality(reference, await realImages(SAMPLES), SHAPE);
    const { mean, standardDeviation } = reference.floor;
    expect(standardDeviation).toBeGreaterThan(0);
    expect(real.frechet).toBeGreaterThan(0.2 * mean);
    expect(real.frechet).toBeLessThan(2 * mean);
    expect(real.precision).toBeGreaterThan(0.5);
    expect(real.recall).toBeGreaterThan(0.5);
    expect(real.slicedWasserstein).toBeGreaterThan(0.3 * reference.slicedFloor);
    expect(real.slicedWasserstein).toBeLessThan(2 * reference.slicedFloor);
    const noise = await measureQuality(reference, streamNormal(1, 0, new Float32Array(SAMPLES * 64)), SHAPE);
    expect(noise.frechet).toBeGreaterThan(10 * mean);
    expect(noise.precision).toBeLessThan(0.05);
    expect(noise.slicedWasserstein).toBeGreaterThan(5 * reference.slicedFloor);
  });

  it('does not see what a picture file could not hold', async () => {
    const images = await realImages(SAMPLES);
    const beyond = images.map((v) => (v === -1 ? -3 : v));
    expect(beyond).not.toEqual(images);
    expect(await measureQuality(reference, beyond, SHAPE)).toEqual(
      await measureQuality(reference, images, SHAPE),
    );
  });

  it('wants images that the features can see', async () => {
    const few = memoryDataset({
      name: 'seven pixels wide',
      images: new Uint8Array(30 * 49),
      channels: 1,
      height: 7,
      width: 7,
      provenance: { source: 'this test', hashes: {}, operations: [] },
    });
    const extractor = await openFeatures(opened.device, 'pixels-8x8', few);
    await expect(makeReference(few, extractor, { samples: 10, seed: 0 })).rejects.toThrow(
      MetricArgumentError,
    );
  });
});
