/**
 * How good generated images are: Fréchet distance, precision and recall against real images, in named features, with
 * the floor that real images have against each other; and the sliced Wasserstein distance of the pixels themselves.
 */
import { type ImageDataset, type Modes, readValues } from '@immiscible/datasets';
import {
  type FeatureExtractor,
  frechetFloor,
  frechetFromMoments,
  Moments,
  openFashionClassifier,
  pooledPixels,
  precisionRecall,
  rawValues,
  slicedWasserstein,
} from '@immiscible/metrics-fid';
import { permutation } from '@immiscible/random';
import { type Device } from '@immiscible/tensor-core';
import { type RunConfig } from './config.ts';
import { arePoints, exactDistance, measurePoints, modesOf, type PointsQuality } from './points.ts';

/** Real images in features. */
export interface Reference {
  readonly extractor: FeatureExtractor;
  /** of all real images that were taken */
  readonly moments: Moments;
  /** as many as are generated, for precision and recall */
  readonly subset: Float32Array;
  /** as many images, [N, C, H, W] in [-1, 1], for the sliced Wasserstein distance */
  readonly pixels: Float32Array;
  /** Fréchet distance of real images to other real images, at the size that is generated */
  readonly floor: { readonly mean: number; readonly standardDeviation: number };
  /** sliced Wasserstein distance of real images to other real images, as many as are generated */
  readonly slicedFloor: number;
  readonly images: number;
  /** of points in the plane: the modes of their distribution, and the exact distance of real points to other real ones */
  readonly points?: { readonly modes: Modes | undefined; readonly floor: number };
}

export interface Quality {
  readonly frechet: number;
  readonly precision: number;
  readonly recall: number;
  /** sliced Wasserstein distance of the pixels in [-1, 1] to as many real images; earlier reports have none */
  readonly slicedWasserstein?: number;
  /** of points in the plane */
  readonly points?: PointsQuality;
}

/** Real images taken for the reference: beyond this their number hardly moves the distance. */
const REFERENCE_IMAGES = 10_000;
const CHUNK = 500;

/** Opens the features that a config names. */
export async function openFeatures(
  device: Device,
  name: RunConfig['evaluation']['features'],
  { channels, height, width }: Pick<ImageDataset, 'channels' | 'height' | 'width'>,
): Promise<FeatureExtractor> {
  switch (name) {
    case 'fashion-classifier':
      return openFashionClassifier(device);
    case 'pixels-8x8':
      return pooledPixels({ channels });
    case 'values':
      return rawValues([channels, height, width]);
  }
}

/** Takes a seeded choice of real images as the reference. */
export async function makeReference(
  dataset: ImageDataset,
  extractor: FeatureExtractor,
  { samples, seed }: { samples: number; seed: number },
): Promise<Reference> {
  const count = Math.min(dataset.length, Math.max(REFERENCE_IMAGES, 2 * samples));
  const order = permutation(seed, 0, dataset.length).subarray(0, count);
  const { channels, height, width } = dataset;
  const size = channels * height * width;
  const features = new Float32Array(count * extractor.dimension);
  const half = Math.min(samples, Math.floor(count / 2));
  const pixels = new Float32Array(2 * half * size); // to be compared with, and to compare with themselves
  for (let from = 0; from < count; from += CHUNK) {
    const rows = order.subarray(from, from + CHUNK);
    const images = await readValues(dataset, rows);
    const kept = images.subarray(0, Math.max(0, pixels.length - from * size));
    pixels.set(kept, Math.min(pixels.length, from * size));
    const part = await extractor.features(images, [rows.length, channels, height, width]);
    features.set(part, from * extractor.dimension);
  }
  const matrix = { data: features, dimension: extractor.dimension };
  const floor = frechetFloor(matrix, { size: half, seed });
  const first = pixels.subarray(0, half * size);
  return {
    extractor,
    moments: new Moments(extractor.dimension).add(features),
    subset: features.subarray(0, Math.min(samples, count) * extractor.dimension),
    pixels: first,
    floor: { mean: floor.mean, standardDeviation: floor.standardDeviation },
    slicedFloor: slicedWasserstein(
      { data: first, dimension: size },
      { data: pixels.subarray(first.length), dimension: size },
    ),
    images: count,
    ...(arePoints([channels, height, width]) && {
      points: { modes: modesOf(dataset), floor: exactDistance(first, pixels.subarray(first.length)) },
    }),
  };
}

/** @param images generated, [N, C, H, W] in [-1, 1] */
export async function measureQuality(
  reference: Reference,
  images: Float32Array,
  shape: readonly [number, number, number],
): Promise<Quality> {
  const size = shape[0] * shape[1] * shape[2];
  const { extractor, moments, subset, pixels, points } = reference;
  const { dimension } = extractor;
  const clipped = clip(images);
  const features = await extractor.features(clipped, [images.length / size, ...shape]);
  const { precision, recall } = precisionRecall({ data: subset, dimension }, { data: features, dimension });
  return {
    frechet: frechetFromMoments(moments, new Moments(dimension).add(features)),
    precision,
    recall,
    slicedWasserstein: slicedWasserstein(
      { data: pixels, dimension: size },
      { data: clipped, dimension: size },
    ),
    ...(points && { points: measurePoints(images, pixels, points.modes) }),
  };
}

/** To what a picture file would hold, without its rounding. */
function clip(images: Float32Array): Float32Array {
  return images.map((v) => Math.min(1, Math.max(-1, v)));
}
