/**
 * Assignment over more images than a batch holds: micro-batches of gradient accumulation, or a loop that trains one
 * image at a time. Batches are gathered into a pool, the pool is assigned as one problem, and every batch gets its
 * share of the noise back.
 *
 * The gain grows with the number of images assigned together, whatever the size in which they are trained. Only noise
 * moves between batches: images, labels and conditions keep their order. What a pool hands out depends on what went
 * into it alone, so a run resumes in the middle of one by gathering it again and skipping `position` batches.
 */
import { assignNoise } from './assign-noise.ts';
import { AssignmentError } from './errors.ts';
import { type Batch, readBatch, type Samples } from './inputs.ts';
import { type AssignNoiseOptions } from './options.ts';
import { type AssignmentStats } from './stats.ts';

/** A batch that waits for its noise; whatever else it holds comes back with it. */
export interface PoolBatch {
  readonly x0: Samples;
  /** As for `assignNoise`: one for each image, or k for `nearest`. */
  readonly noise: Samples;
  /** Number of images; needed for flat arrays only. */
  readonly batch?: number;
}

/** What one batch got out of its pool. */
export interface PooledNoise {
  /** A new array in the shape of the batch's x0. */
  readonly noise: Float32Array;
  readonly shape: readonly number[];
  /** [rows] The row of the pool's noise, counted over its batches in order, that each image got. */
  readonly pairing: Int32Array;
  /** Which of the pool's batches this is, from 0 on, and how many there are. */
  readonly position: number;
  readonly batches: number;
  /** Of the whole pool. */
  readonly stats: AssignmentStats;
}

export type PoolOptions = Omit<AssignNoiseOptions, 'batch'>;

/**
 * Assigns the noise of several batches to their images as one problem.
 *
 * @param batches at least one; all of one sample size
 * @returns one entry a batch, in the order given
 * @throws AssignmentError as `assignNoise`; `invalid-size` for no batch, or batches of different sample sizes
 */
export async function assignPool(
  batches: readonly PoolBatch[],
  options: PoolOptions = {},
): Promise<PooledNoise[]> {
  return assignTogether(
    batches.map((batch) => readPart(batch, options)),
    options,
  );
}

/**
 * Gathers batches until they hold `images` images, assigns them as one pool, and hands them out again one by one, in
 * the order in which they came; what is left at the end makes a smaller pool.
 *
 * The next pool is gathered when the last batch of one has been taken.
 *
 * @param source your batches: `{ x0, noise, … }`, each of which comes back as `source`; their arrays must stay as they
 *   are until then
 * @throws AssignmentError as {@link assignPool}; `invalid-option` when `images` is no whole number from 1 on. What
 *   `source` throws comes through
 */
export async function* assignOverPools<T extends PoolBatch>(
  source: AsyncIterable<T> | Iterable<T>,
  { images, ...options }: PoolOptions & { readonly images: number },
): AsyncGenerator<PooledNoise & { readonly source: T }, void, undefined> {
  if (!Number.isSafeInteger(images) || images < 1) {
    throw new AssignmentError(
      'invalid-option',
      `assignOverPools: images must be how many make a pool, a whole number from 1 on, got ${images}`,
    );
  }
  let gathered: { source: T; part: Batch }[] = [];
  let count = 0;
  const assignGathered = async (): Promise<(PooledNoise & { readonly source: T })[]> => {
    const parts = await assignTogether(
      gathered.map(({ part }) => part),
      options,
    );
    return gathered.map(({ source }, position) => ({ ...parts[position]!, source }));
  };
  for await (const batch of source) {
    const part = readPart(batch, options);
    gathered.push({ source: batch, part });
    count += part.rows;
    if (count < images) continue;
    yield* await assignGathered();
    gathered = [];
    count = 0;
  }
  if (gathered.length > 0) yield* await assignGathered();
}

function readPart({ x0, noise, batch }: PoolBatch, { method, k }: PoolOptions): Batch {
  return readBatch(x0, noise, batch, method === 'nearest' ? k : 1);
}

async function assignTogether(parts: readonly Batch[], options: PoolOptions): Promise<PooledNoise[]> {
  const [head] = parts;
  if (head === undefined) {
    throw new AssignmentError('invalid-size', 'assignPool: a pool wants at least one batch, got none');
  }
  const { dimensions, perRow } = head;
  parts.forEach((part, position) => {
    if (part.dimensions === dimensions && part.perRow === perRow) return;
    throw new AssignmentError(
      'invalid-size',
      `assignPool: the batches of a pool must be of one kind, got images of ${dimensions} numbers with ${perRow} ` +
        `noises each in batch 0 and of ${part.dimensions} with ${part.perRow} in batch ${position}; pool images of ` +
        'one resolution',
    );
  });
  const assigned = await assignNoise(join(parts.map(({ x0 }) => x0)), join(parts.map(({ noise }) => noise)), {
    ...options,
    batch: parts.reduce((sum, { rows }) => sum + rows, 0),
  });
  let first = 0;
  return parts.map(({ rows, shape }, position) => {
    const last = first + rows;
    const part: PooledNoise = {
      noise: assigned.noise.slice(first * dimensions, last * dimensions),
      shape,
      pairing: assigned.pairing.slice(first, last),
      position,
      batches: parts.length,
      stats: assigned.stats,
    };
    first = last;
    return part;
  });
}

function join(arrays: readonly Float32Array[]): Float32Array {
  if (arrays.length === 1) return arrays[0]!;
  const joined = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    joined.set(array, at);
    at += array.length;
  }
  return joined;
}
