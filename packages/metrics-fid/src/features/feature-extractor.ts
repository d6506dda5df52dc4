/** What every kind of features offers, and the checks that keep images of another kind out of them. */
import { MetricArgumentError } from '../errors.ts';

/** [N, C, H, W] */
export type ImageShape = readonly [number, number, number, number];

/** Enough to tell later which features a distance was measured in. Plain JSON. */
export interface FeatureProvenance {
  /** SHA-256 of the file of weights, lower-case hex; null where no network is involved. */
  readonly weightsSha256: string | null;
  /** What is done to an image, for people. */
  readonly description: string;
  /** What the file of weights says about itself: accuracy, seed, epochs, the script that made it. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Turns images into rows of numbers in which distances are measured. Distances in different features do not compare. */
export interface FeatureExtractor {
  /** Names features in reports: the same name, the same numbers. Never "FID": that is one certain network. */
  readonly name: string;
  /** d */
  readonly dimension: number;
  readonly provenance: FeatureProvenance;
  /**
   * @param images [N, C, H, W] in [-1, 1], row-major; clip what a sampler gives, as saving it would
   * @returns [N, d]; each row depends on its own image alone
   * @throws MetricArgumentError for images that these features do not know, or numbers that are not in [-1, 1]
   */
  features(images: Float32Array, shape: ImageShape): Promise<Float32Array>;
  /** Class scores before the softmax, [N, classes], where the features come from a classifier. */
  logits?(images: Float32Array, shape: ImageShape): Promise<Float32Array>;
  /** Frees what the extractor holds on its device; the device stays open. */
  dispose(): Promise<void>;
}

/** Images made by arithmetic in float32 may exceed the range by rounding. */
const ROUNDING = 1e-3;

/**
 * Checks that the data have the shape that they say, and that every number is finite and in [-1, 1].
 *
 * @param name of the features, for the message
 * @throws MetricArgumentError saying what was wanted, what came and what to do
 */
export function checkImages(name: string, images: Float32Array, shape: ImageShape): void {
  if (shape.length !== 4 || !shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
    throw new MetricArgumentError(
      `${name}: wanted a shape [N, C, H, W] of whole numbers, got [${shape.join(', ')}]`,
    );
  }
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (images.length !== size) {
    throw new MetricArgumentError(
      `${name}: images of shape [${shape.join(', ')}] have ${size} values, got ${images.length}`,
    );
  }
  const bad = images.findIndex((value) => !(Math.abs(value) <= 1 + ROUNDING));
  if (bad < 0) return;
  const fix = Number.isFinite(images[bad])
    ? 'normalise bytes as x / 127.5 - 1, and clip generated images'
    : 'find what made it';
  throw new MetricArgumentError(
    `${name}: wanted values in [-1, 1], got ${images[bad]} in image ${Math.floor((bad * shape[0]) / size)}; ${fix}`,
  );
}
