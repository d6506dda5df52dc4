import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { type Device, openDevice } from '@immiscible/tensor-core';
import { streamNormal } from '@immiscible/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fashionImages } from '../../test/fashion-images.ts';
import { fashionClassifierWeights } from '../assets.ts';
import { frechetFromFeatures } from '../frechet.ts';
import { type FashionClassifier, openFashionClassifier } from './fashion-classifier.ts';
import { FASHION_NETWORK_SHAPES } from './fashion-network.ts';

let device: Device;
let classifier: FashionClassifier;

beforeAll(async () => {
  device = await openDevice('cpu');
  classifier = await openFashionClassifier(device);
});
afterAll(async () => {
  await classifier.dispose();
  await device.dispose();
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

/** One pass of [1 2 1; 2 4 2; 1 2 1] / 16 over [N, 1, size, size], black (−1) beyond the edge. */
function blurred(images: Float32Array, size: number): Float32Array {
  const taps = [-1, 0, 1].flatMap((dy) =>
    [-1, 0, 1].map((dx) => [dy, dx, (2 - dy ** 2) * (2 - dx ** 2)] as const),
  );
  return images.map((_, i) => {
    const y = Math.floor(i / size) % size;
    const x = i % size;
    const sum = taps.reduce((total, [dy, dx, weight]) => {
      const inside = y + dy >= 0 && y + dy < size && x + dx >= 0 && x + dx < size;
      return total + weight * (inside ? images[i + dy * size + dx]! : -1);
    }, 0);
    return sum / 16;
  });
}

describe('weights', () => {
  it('are the file whose hash the features carry', () => {
    const found = createHash('sha256').update(readFileSync(fashionClassifierWeights)).digest('hex');
    expect(classifier.provenance.weightsSha256).toBe(found);
    expect(classifier.provenance.metadata['script']).toBe(
      'packages/trainer/scripts/train-fashion-classifier.ts',
    );
  });

  it('are small enough to ship', () => {
    const parameters = Object.values(FASHION_NETWORK_SHAPES).map((shape) => shape.reduce((a, b) => a * b, 1));
    expect(parameters.reduce((a, b) => a + b, 0)).toBe(98_330);
    expect(statSync(fashionClassifierWeights).size).toBeLessThan(700_000);
  });
});

describe.each([16, 32] as const)('at %i pixels', (size) => {
  const { images, shape, labels } = fashionImages(1000, size);

  it('tells the classes of the first 1000 test images', async () => {
    const logits = await classifier.logits(images, shape);
    expect(logits.length).toBe(1000 * 10);
    const correct = labels.filter((label, i) => {
      const row = logits.subarray(i * 10, (i + 1) * 10);
      return row.indexOf(Math.max(...row)) === label;
    }).length;
    expect(correct / 1000).toBeGreaterThanOrEqual(0.9);
  });

  it('sees each image by itself, whatever the batch that it came in', async () => {
    const few = images.subarray(0, 23 * size * size);
    const inHundreds = await classifier.features(few, [23, 1, size, size]);
    expect(inHundreds.length).toBe(23 * classifier.dimension);
    const other = await openFashionClassifier(device, { batchSize: 7 });
    const inSevens = await other.features(few, [23, 1, size, size]);
    const last = await other.features(few.slice(22 * size * size), [1, 1, size, size]);
    await other.dispose();
    expect(largestDifference(inHundreds, inSevens)).toBeLessThan(1e-5);
    expect(largestDifference(inHundreds.slice(22 * classifier.dimension), last)).toBeLessThan(1e-5);
    expect(Math.max(...inHundreds)).toBeGreaterThan(0.1);
  });

  it('puts real images near real ones and noise far away', async () => {
    const half = images.length / 2;
    const measure = async (part: Float32Array) => ({
      data: await classifier.features(part, [500, 1, size, size]),
      dimension: classifier.dimension,
    });
    const noise = streamNormal(0, 0, new Float32Array(half)).map((v) => Math.min(1, Math.max(-1, v)));
    const [first, second, noisy] = [
      await measure(images.subarray(0, half)),
      await measure(images.subarray(half)),
      await measure(noise),
    ];
    const floor = frechetFromFeatures(first, second);
    expect(floor).toBeGreaterThan(0);
    expect(frechetFromFeatures(first, noisy)).toBeGreaterThan(50 * floor);
  });

  it('puts images the farther away, the more they are blurred', async () => {
    const { dimension } = classifier;
    const half = 500 * size * size;
    const measure = async (part: Float32Array) => ({
      data: await classifier.features(part, [500, 1, size, size]),
      dimension,
    });
    const real = await measure(images.subarray(0, half));
    const distances: number[] = [];
    let other: Float32Array = images.slice(half);
    for (let passes = 0; passes <= 4; passes++) {
      distances.push(frechetFromFeatures(real, await measure(other)));
      other = blurred(other, size);
    }
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(distances[4]).toBeGreaterThan(5 * distances[0]!);
  });
});

describe('against PyTorch in float64 (golden/fashion_classifier.py)', () => {
  const golden = JSON.parse(
    readFileSync(new URL('../../golden/fashion-classifier.json', import.meta.url), 'utf8'),
  ) as { weightsSha256: string } & Record<'16' | '32', Record<'features' | 'logits', number[]>>;

  it('was recorded with these weights', () => {
    expect(golden.weightsSha256).toBe(classifier.provenance.weightsSha256);
  });

  it.each([16, 32] as const)('gives the same features and scores at %i pixels', async (size) => {
    const { images, shape } = fashionImages(4, size);
    for (const output of ['features', 'logits'] as const) {
      const wanted = Float32Array.from(golden[`${size}`][output]);
      const largest = Math.max(...wanted.map(Math.abs));
      const found = await classifier[output](images, shape);
      // Six float32 layers, each norm dividing by a spread of its own: 1e-5 of the largest value.
      expect(largestDifference(found, wanted)).toBeLessThan(1e-5 * largest);
    }
  });
});

describe('what it refuses', () => {
  const blank = (count: number) => new Float32Array(count);

  it('images that it does not know', async () => {
    await expect(classifier.features(blank(784), [1, 1, 28, 28])).rejects.toThrow(
      /wanted grey images of 16×16 or 32×32 pixels, got 1 channels of 28×28; open Fashion-MNIST/,
    );
    await expect(classifier.features(blank(3072), [1, 3, 32, 32])).rejects.toThrow(/got 3 channels of 32×32/);
    await expect(classifier.logits(blank(512), [1, 1, 16, 32])).rejects.toThrow(/got 1 channels of 16×32/);
  });

  it('data that are not what their shape says', async () => {
    await expect(classifier.features(blank(255), [1, 1, 16, 16])).rejects.toThrow(/have 256 values, got 255/);
  });

  it('numbers that are not normalised pixels, naming the image', async () => {
    const images = blank(512);
    images[300] = 255;
    await expect(classifier.features(images, [2, 1, 16, 16])).rejects.toThrow(
      /wanted values in \[-1, 1\], got 255 in image 1; normalise/,
    );
    images[300] = Number.NaN;
    await expect(classifier.features(images, [2, 1, 16, 16])).rejects.toThrow(/got NaN in image 1/);
  });

  it('a batch size that is none', async () => {
    await expect(openFashionClassifier(device, { batchSize: 0 })).rejects.toThrow(
      /whole number from 1, got 0/,
    );
  });
});

it('gives nothing for no images, and gives back what it held', async () => {
  const { count } = device.liveBuffers();
  const other = await openFashionClassifier(device);
  expect(await other.features(new Float32Array(0), [0, 1, 16, 16])).toEqual(new Float32Array(0));
  const { images, shape } = fashionImages(250, 16);
  await other.features(images, shape);
  const held = device.liveBuffers().count;
  await other.features(images, shape);
  expect(device.liveBuffers().count).toBe(held);
  await other.dispose();
  expect(device.liveBuffers().count).toBe(count);
});
