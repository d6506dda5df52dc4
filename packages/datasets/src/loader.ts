/**
 * Batches out of a data set: shuffled anew each epoch, flipped, normalised, and resumable from two numbers.
 *
 * Nothing here has hidden state. The order of an epoch depends on the seed and its number; whether a sample is flipped, on
 * the seed and the sample's place in the run (epoch · length + position). So the batch size does not change which
 * image comes when, nor its flip, and a run continues from {epoch, position} exactly.
 *
 * Random streams: the loader draws from streams 2^51 + epoch (order) and 2^52 (flips) of its seed, far from those
 * that number samples, so that one seed may serve noise as well.
 */
import { RandomStream, type Seed } from '@immiscible/random';
import { type ImageDataset, imageSize, type MemoryDataset } from './dataset.ts';
import { EpochOrder } from './epoch-order.ts';
import { DatasetOptionError, TooFewImagesError } from './errors.ts';
import { writeImage } from './normalise.ts';
import { isValueDataset } from './value-dataset.ts';

/** Options of `createLoader`. */
export interface LoaderOptions {
  /** Images in a batch. */
  readonly batchSize: number;
  /** A whole number from 0 on. Default 0. */
  readonly seed?: Seed;
  /** A new order each epoch; else the order of the set. Default true. */
  readonly shuffle?: boolean;
  /** Mirror each sample left to right with probability ½. Default false. */
  readonly flip?: boolean;
  /** Leave out the images at the end of an epoch that fill no batch; else give them as a smaller one. Default true. */
  readonly dropLast?: boolean;
}

/** Where a loader stands: `position` images of epoch `epoch` have been given out. Plain JSON. */
export interface LoaderState {
  readonly epoch: number;
  readonly position: number;
}

/** Arrays that a batch may be written into. */
export interface BatchBuffers {
  /** [B, C, H, W] */
  readonly images: Float32Array;
  /** [B] */
  readonly labels: Int32Array;
  /** [B] */
  readonly indices: Int32Array;
}

/** One batch. */
export interface Batch extends BatchBuffers {
  /** [B, C, H, W], B being smaller than the batch size only at the end of an epoch without `dropLast`. */
  readonly shape: readonly [number, number, number, number];
  /** The epoch that it belongs to, from 0. */
  readonly epoch: number;
  /** Place in the run of its first sample: epoch · length + position. */
  readonly counter: number;
  /** The state that continues after this batch: what a checkpoint keeps, however many batches were prefetched since. */
  readonly after: LoaderState;
}

/** An endless source of batches. */
export interface Loader {
  readonly batchSize: number;
  /** Batches in an epoch, the smaller one included if there is one. */
  readonly batchesPerEpoch: number;
  /**
   * The next batch: images float32 [-1, 1], labels (`NO_LABEL` where there are none), indices into the set.
   *
   * The cursor moves when this is called, so calls may overlap. With `into`, the batch's arrays are views of it, valid
   * until it is used again; else they are new.
   *
   * @throws DatasetOptionError if `into` is too small
   * @throws whatever reading an image throws (`CorruptImageError`)
   */
  next(into?: BatchBuffers): Promise<Batch>;
  /** Arrays for `next(into)`, to be used again and again. */
  buffers(): BatchBuffers;
  /** Where the loader stands. */
  state(): LoaderState;
  /** Continues from a state, of this loader or of one with another batch size. @throws DatasetOptionError */
  restore(state: LoaderState): void;
}

const ORDER_STREAMS = 2 ** 51;
const FLIP_STREAM = 2 ** 52;

/**
 * Makes a loader.
 *
 * @throws DatasetOptionError if batch size or seed cannot be used
 * @throws TooFewImagesError if the set is empty, or cannot fill one batch with `dropLast`
 */
export function createLoader(dataset: ImageDataset, options: LoaderOptions): Loader {
  const { batchSize, seed = 0, shuffle = true, flip = false, dropLast = true } = options;
  checkOptions(dataset, batchSize, seed, dropLast);
  const { length } = dataset;
  const size = imageSize(dataset);
  const inMemory = arrayOf(dataset);
  let epoch = 0;
  let position = 0;
  let order: { readonly epoch: number; readonly of: EpochOrder } | undefined;

  const indicesOf = (wanted: number, start: number, end: number): Uint32Array => {
    if (!shuffle) return Uint32Array.from({ length: end - start }, (_, i) => start + i);
    if (order?.epoch !== wanted) {
      order = { epoch: wanted, of: new EpochOrder(seed, ORDER_STREAMS + wanted, length) };
    }
    return order.of.slice(start, end);
  };
  /** Takes the next samples off the epoch, beginning a new one when the old has no batch left. */
  const advance = (): { indices: Uint32Array; epoch: number; counter: number } => {
    if (length - position < (dropLast ? batchSize : 1)) {
      epoch++;
      position = 0;
    }
    const start = position;
    position = Math.min(start + batchSize, length);
    return { indices: indicesOf(epoch, start, position), epoch, counter: epoch * length + start };
  };
  const buffers = (count = batchSize): BatchBuffers => ({
    images: new Float32Array(count * size),
    labels: new Int32Array(count),
    indices: new Int32Array(count),
  });

  return {
    batchSize,
    batchesPerEpoch: dropLast ? Math.floor(length / batchSize) : Math.ceil(length / batchSize),
    async next(into) {
      const taken = advance();
      const after = { epoch, position };
      const count = taken.indices.length;
      const { images, labels, indices } = into ? firstOf(into, count, size) : buffers(count);
      indices.set(taken.indices);
      taken.indices.forEach((index, i) => (labels[i] = dataset.label(index)));

      const stored = inMemory ?? (await readAll(dataset, indices, size));
      const flips = flip ? new RandomStream(seed, FLIP_STREAM, taken.counter) : undefined;
      for (let i = 0; i < count; i++) {
        const from = (inMemory ? taken.indices[i]! : i) * size;
        const mirrored = flips !== undefined && flips.uint32() >>> 31 === 1;
        writeImage(stored, from, images, i * size, size, mirrored ? dataset.width : 0);
      }
      const shape = [count, dataset.channels, dataset.height, dataset.width] as const;
      return { images, labels, indices, shape, epoch: taken.epoch, counter: taken.counter, after };
    },
    buffers: () => buffers(),
    state: () => ({ epoch, position }),
    restore(state) {
      checkState(state, length);
      ({ epoch, position } = state);
    },
  };
}

/** Reads images side by side, [indices, C, H, W]; if some fail, waits for all and throws for the first. */
async function readAll(dataset: ImageDataset, indices: Int32Array, size: number): Promise<Uint8Array> {
  const out = new Uint8Array(indices.length * size);
  const reads = Array.from(indices, async (index, i) => dataset.readInto(index, out, i * size));
  const failed = (await Promise.allSettled(reads)).find((result) => result.status === 'rejected');
  if (failed) throw failed.reason;
  return out;
}

/** The whole set in memory, [N, C, H, W], if it is there. */
function arrayOf(dataset: ImageDataset): Uint8Array | Float32Array | undefined {
  if (isValueDataset(dataset)) return dataset.values;
  return 'images' in dataset ? (dataset as MemoryDataset).images : undefined;
}

function firstOf(into: BatchBuffers, count: number, size: number): BatchBuffers {
  const images = into.images.subarray(0, count * size);
  const labels = into.labels.subarray(0, count);
  const indices = into.indices.subarray(0, count);
  if (images.length === count * size && labels.length === count && indices.length === count) {
    return { images, labels, indices };
  }
  throw new DatasetOptionError({
    op: 'loader.next',
    wanted: `buffers for ${count} images of ${size} elements`,
    got: `${into.images.length} elements, ${into.labels.length} labels, ${into.indices.length} indices`,
    fix: 'make them with loader.buffers()',
  });
}

function checkOptions(dataset: ImageDataset, batchSize: number, seed: number, dropLast: boolean): void {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new DatasetOptionError({
      op: 'createLoader',
      wanted: 'a whole batch size from 1 on',
      got: `${batchSize}`,
      fix: 'pass how many images make a batch',
    });
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new DatasetOptionError({
      op: 'createLoader',
      wanted: 'a whole seed from 0 to 2^53 - 1',
      got: `${seed}`,
      fix: 'pass a non-negative whole number',
    });
  }
  if (dataset.length >= (dropLast ? batchSize : 1)) return;
  throw new TooFewImagesError({
    op: 'createLoader',
    wanted: `at least ${dropLast ? batchSize : 1} images to fill a batch`,
    got: `${dataset.length} in ${dataset.name}`,
    fix: dropLast ? 'choose a smaller batch size, or dropLast: false' : 'add images',
  });
}

function checkState(state: LoaderState, length: number): void {
  const { epoch, position } = state;
  const whole = Number.isSafeInteger(epoch) && epoch >= 0 && Number.isSafeInteger(position) && position >= 0;
  if (whole && position <= length) return;
  throw new DatasetOptionError({
    op: 'loader.restore',
    wanted: `an epoch from 0 on and a position from 0 to ${length}`,
    got: JSON.stringify({ epoch, position }),
    fix: 'restore a state that a loader of the same set gave',
  });
}
