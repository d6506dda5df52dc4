/**
 * Sets whose values no byte could hold, such as points in the plane: an `ImageDataset` that keeps float32 as the model sees
 * it, and one way to read any set as such.
 */
import {
  checkIndex,
  countImages,
  type ImageDataset,
  imageSize,
  NO_LABEL,
  type Provenance,
} from './dataset.ts';
import { DatasetOptionError, WrongDataError } from './errors.ts';
import { writeImage } from './normalise.ts';

/** A set that keeps values and not bytes, wholly in memory. `readInto` throws: read it with `readValues` or a loader. */
export interface ValueDataset extends ImageDataset {
  /** [N, channels, height, width] in [-1, 1] */
  readonly values: Float32Array;
  /** One per image; absent where the set has none. */
  readonly labels?: Uint8Array | Int32Array;
  /** Where the set is a mixture of equally many Gaussians: their centres [K, C·H·W], and their deviation in each direction. */
  readonly modes?: Modes;
}

/** The components of a mixture of equally many Gaussians. */
export interface Modes {
  /** [K, d] */
  readonly centres: Float32Array;
  /** Of each component, in each direction. */
  readonly deviation: number;
}

/** What `valueDataset` needs. */
export interface ValueDatasetParts {
  readonly name: string;
  /** [N, channels, height, width] in [-1, 1] */
  readonly values: Float32Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly provenance: Provenance;
  readonly labels?: Uint8Array | Int32Array;
  readonly classes?: readonly string[];
  readonly modes?: Modes;
}

/**
 * Wraps values as a data set. Nothing is copied: the arrays belong to the set from here on.
 *
 * @throws WrongDataError if the sizes do not agree, or a value is not within [-1, 1]
 */
export function valueDataset(parts: ValueDatasetParts): ValueDataset {
  const { name, values, labels } = parts;
  const op = 'valueDataset';
  const length = countImages(op, { ...parts, images: values });
  const stray = values.findIndex((value) => !(value >= -1 && value <= 1));
  if (stray >= 0) {
    const got = `${values[stray]} at element ${stray} of ${name}`;
    throw new WrongDataError({ op, wanted: 'values from -1 to 1', got, fix: 'scale them' });
  }
  if (labels !== undefined && labels.length !== length) {
    const wanted = `${length} labels for the ${length} elements of ${name}`;
    throw new WrongDataError({
      op,
      wanted,
      got: `${labels.length}`,
      fix: 'pass the labels that belong to them',
    });
  }
  return {
    ...parts,
    length,
    readInto() {
      throw new DatasetOptionError({
        op: name,
        wanted: 'a set of bytes',
        got: 'one of values, which bytes would round',
        fix: 'read it with readValues, or a loader',
      });
    },
    label(index) {
      checkIndex(name, index, length);
      return labels?.[index] ?? NO_LABEL;
    },
  };
}

/** Whether a set keeps values and not bytes. */
export function isValueDataset(dataset: ImageDataset): dataset is ValueDataset {
  return 'values' in dataset;
}

/**
 * Images of any set as the model sees them: float32 in [-1, 1], bytes as x/127.5 - 1.
 *
 * @param indices which, in which order; may repeat
 * @param out where to write, [indices, C, H, W]; made if absent
 * @throws DatasetOptionError if an index does not exist or `out` is too short
 * @throws CorruptImageError if an image is decoded now and cannot be
 */
export async function readValues(
  dataset: ImageDataset,
  indices: ArrayLike<number>,
  out = new Float32Array(indices.length * imageSize(dataset)),
): Promise<Float32Array> {
  const size = imageSize(dataset);
  if (out.length < indices.length * size) {
    throw new DatasetOptionError({
      op: 'readValues',
      wanted: `room for ${indices.length} images of ${size} elements`,
      got: `${out.length} elements`,
      fix: 'pass a longer array, or none',
    });
  }
  const bytes = new Uint8Array(size);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!;
    if (isValueDataset(dataset)) {
      checkIndex(dataset.name, index, dataset.length);
      out.set(dataset.values.subarray(index * size, (index + 1) * size), i * size);
    } else {
      await dataset.readInto(index, bytes, 0);
      writeImage(bytes, 0, out, i * size, size);
    }
  }
  return out;
}
