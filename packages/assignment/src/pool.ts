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
import { type Conditions } from './conditions.ts';
import { AssignmentError } from './errors.ts';
import { type Batch, readBatch, sampleLength, type Samples } from './inputs.ts';
import { drawStreams, isNoiseStreams, type NoiseStreams } from './noise-streams.ts';
import { type AssignNoiseOptions } from './options.ts';
import { type AssignmentStats } from './stats.ts';

/** A batch that waits for its noise; whatever else it holds comes back with it. */
export interface PoolBatch {
  readonly x0: Samples;
  /** As for `assignNoise`: one for each image, or k for `nearest`; or the streams to draw them from. */
  readonly noise: Samples | NoiseStreams;
  /** Number of images; needed for flat arrays only. */
  readonly batch?: number;
  /** With the option `conditions`: those of this batch's images. */
  readonly conditions?: Conditions['values'];
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

/** As for `assignNoise`; each batch brings the values of its own conditions. */
export type PoolOptions = Omit<AssignNoiseOptions, 'batch' | 'conditions'> & {
  readonly conditions?: Omit<Conditions, 'values'>;
};

/**
 * Assigns the noise of several batches to their images as one problem.
 *
 * @param batches at least one; all of one sample size
 * @returns one entry a batch, in the order given
 * @throws AssignmentError as `assignNoise`; `invalid-size` for no batch, or batches of different sample sizes;
 *   `invalid-option` for batches without conditions where the option wants them
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
 * The next pool is gathered when the last batch of one has been taken. With `startStep`, a batch is a step: `step` is
 * that of the first batch of `source` (default 0), and a pool assigns if its first batch does.
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
  let gathered: { source: T; part: Part }[] = [];
  let count = 0;
  let step = options.step ?? 0;
  const assignGathered = async (): Promise<(PooledNoise & { readonly source: T })[]> => {
    const parts = await assignTogether(
      gathered.map(({ part }) => part),
      { ...options, step },
    );
    return gathered.map(({ source }, position) => ({ ...parts[position]!, source }));
  };
  for await (const batch of source) {
    const part = readPart(batch, options);
    gathered.push({ source: batch, part });
    count += part.rows;
    if (count < images) continue;
    yield* await assignGathered();
    step += gathered.length;
    gathered = [];
    count = 0;
  }
  if (gathered.length > 0) yield* await assignGathered();
}

interface Part extends Batch {
  readonly conditions: Conditions['values'] | undefined;
}

function readPart({ x0, noise, batch, conditions }: PoolBatch, { method, k }: PoolOptions): Part {
  const perRow = method === 'nearest' ? k : 1;
  if (!isNoiseStreams(noise)) return { ...readBatch(x0, noise, batch, perRow), conditions };
  const rows = noise.streams.length;
  const length = sampleLength(x0, rows) * (perRow ?? 1);
  const drawn = { data: drawStreams(noise, length), shape: [rows, length] };
  return { ...readBatch(x0, drawn, batch ?? rows, perRow), conditions };
}

async function assignTogether(
  parts: readonly Part[],
  { conditions, ...options }: PoolOptions,
): Promise<PooledNoise[]> {
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
    ...(conditions && { conditions: { ...conditions, values: joinConditions(parts) } }),
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

/** The values of all batches; what does not fit their images, `assignNoise` says. */
function joinConditions(parts: readonly Part[]): Conditions['values'] {
  const values = parts.map((part, position) => {
    if (part.conditions !== undefined) return part.conditions;
    throw new AssignmentError(
      'invalid-option',
      `assignPool: every batch must bring the conditions of its images, but batch ${position} has none`,
    );
  });
  const labels = values.filter((array) => array instanceof Int32Array);
  const embeddings = values.filter((array) => array instanceof Float32Array);
  if (embeddings.length === values.length) return join(embeddings);
  if (labels.length === values.length) return Int32Array.from(labels.flatMap((array) => [...array]));
  throw new AssignmentError(
    'invalid-option',
    'assignPool: conditions must be labels (Int32Array) in every batch or embeddings (Float32Array) in every batch; ' +
      'got some of either',
  );
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
