/**
 * What a data set is to everyone downstream: so many images of one shape, each with a label, and a record of where
 * they came from. Readers make one; the loader takes one; neither knows the other.
 */
import { DatasetOptionError, WrongDataError } from './errors.ts';

/** Images of one shape behind one another: `images` is [N, channels, height, width], uint8, 0 to 255. */
export interface ImageStack {
  readonly images: Uint8Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Enough to say later which pixels a run was trained on. Plain JSON. */
export interface Provenance {
  /** A package, a file or a folder. */
  readonly source: string;
  /** What was read, by name, with its hash (`md5:…`, `sha256:…`). */
  readonly hashes: Readonly<Record<string, string>>;
  /** Every operation between file and pixel, in order (`zero-pad 28x28 -> 32x32`). */
  readonly operations: readonly string[];
}

/** An image that was left out, and why. */
export interface SkippedImage {
  readonly file: string;
  readonly reason: string;
}

/** A set of images, in memory or decoded as they are read. */
export interface ImageDataset {
  readonly name: string;
  /** How many images. */
  readonly length: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Names of the labels 0, 1, …, where they are known. */
  readonly classes?: readonly string[];
  readonly provenance: Provenance;
  /** Corrupt images that were left out, where the policy was `skip`. */
  readonly skipped?: readonly SkippedImage[];
  /**
   * Writes image `index`, [C, H, W] uint8, into `out` from `offset` on. `readValues` reads any set, as the model sees it.
   *
   * @throws DatasetOptionError if the index or the room in `out` is out of range, or the set keeps values and not bytes
   * @throws CorruptImageError if the image is decoded now and cannot be
   */
  readInto(index: number, out: Uint8Array, offset: number): void | Promise<void>;
  /** The class of image `index`, or `NO_LABEL`. @throws DatasetOptionError if the index is out of range */
  label(index: number): number;
}

/** A set that is wholly in memory, so that reading is a copy and never waits. */
export interface MemoryDataset extends ImageDataset, ImageStack {
  /** One per image; absent where the set has none. */
  readonly labels?: Uint8Array | Int32Array;
  readInto(index: number, out: Uint8Array, offset: number): void;
}

/** The label of an image that has none. */
export const NO_LABEL = -1;

/** What `memoryDataset` needs. */
export interface MemoryDatasetParts extends ImageStack {
  readonly name: string;
  readonly provenance: Provenance;
  readonly labels?: Uint8Array | Int32Array;
  readonly classes?: readonly string[];
  readonly skipped?: readonly SkippedImage[];
}

/**
 * Wraps arrays as a data set. Nothing is copied: the arrays belong to the set from here on.
 *
 * @param parts `images` [N, C, H, W] uint8 and, where there are labels, N of them
 * @throws WrongDataError if the sizes do not agree, or a label has no class
 */
export function memoryDataset(parts: MemoryDatasetParts): MemoryDataset {
  const { name, images, labels, channels, height, width, classes } = parts;
  const size = imageSize(parts);
  const length = countImages('memoryDataset', parts);
  if (labels !== undefined && labels.length !== length) {
    throw new WrongDataError({
      op: 'memoryDataset',
      wanted: `${length} labels for the ${length} images of ${name}`,
      got: `${labels.length}`,
      fix: 'pass the labels that belong to these images',
    });
  }
  const stray = classes && labels?.findIndex((label) => label < 0 || label >= classes.length);
  if (classes && labels && stray !== undefined && stray >= 0) {
    throw new WrongDataError({
      op: 'memoryDataset',
      wanted: `labels from 0 to ${classes.length - 1} for the ${classes.length} classes of ${name}`,
      got: `${labels[stray]} at image ${stray}`,
      fix: 'check that the labels belong to these classes',
    });
  }
  return {
    name,
    length,
    channels,
    height,
    width,
    provenance: parts.provenance,
    images,
    ...(labels && { labels }),
    ...(classes && { classes }),
    ...(parts.skipped && { skipped: parts.skipped }),
    readInto(index, out, offset) {
      checkRead(name, index, length, size, out, offset);
      out.set(images.subarray(index * size, (index + 1) * size), offset);
    },
    label(index) {
      checkIndex(name, index, length);
      return labels?.[index] ?? NO_LABEL;
    },
  };
}

/** Bytes of one image. */
export function imageSize(shape: { channels: number; height: number; width: number }): number {
  return shape.channels * shape.height * shape.width;
}

/** How many images a stack holds. @throws WrongDataError if they do not come out whole */
export function countImages(
  op: string,
  stack: Omit<ImageStack, 'images'> & { readonly images: ArrayLike<number> },
): number {
  const { images, channels, height, width } = stack;
  const size = imageSize(stack);
  const whole = [channels, height, width].every((n) => Number.isInteger(n) && n > 0);
  if (!whole || images.length % size !== 0) {
    throw new WrongDataError({
      op,
      wanted: `whole images of ${channels}×${height}×${width} elements`,
      got: `${images.length} elements`,
      fix: 'check channels, height and width against the array',
    });
  }
  return images.length / size;
}

/** @throws DatasetOptionError unless 0 <= index < length */
export function checkIndex(name: string, index: number, length: number): void {
  if (Number.isInteger(index) && index >= 0 && index < length) return;
  throw new DatasetOptionError({
    op: name,
    wanted: `an index from 0 to ${length - 1}`,
    got: `${index}`,
    fix: 'count from 0',
  });
}

/** @throws DatasetOptionError unless the index exists and `out` has room for one image at `offset` */
export function checkRead(
  name: string,
  index: number,
  length: number,
  size: number,
  out: Uint8Array,
  offset: number,
): void {
  checkIndex(name, index, length);
  if (Number.isInteger(offset) && offset >= 0 && offset + size <= out.length) return;
  throw new DatasetOptionError({
    op: name,
    wanted: `room for ${size} bytes at offset ${offset}`,
    got: `an array of ${out.length}`,
    fix: 'pass an array of channels × height × width bytes',
  });
}
