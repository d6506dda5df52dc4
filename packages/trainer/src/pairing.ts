/**
 * Noise for batches: drawn from a stream per sample and assigned, in a worker while the steps before train, or at once
 * where the config says so. Both ways run the same code on the same numbers, so they give the same bits.
 */
import {
  assignNoise,
  type AssignOptions,
  lookAhead,
  type NoiseStreams,
  type StoredSeeds,
} from '@immiscible/assignment';
import { type Batch as LoaderBatch } from '@immiscible/datasets';

/** Images that are assigned together, not yet with their noise. */
export interface UnpairedBatch {
  /** [B, C, H, W]; whoever pairs them may move them to another thread and gives them back. */
  readonly x0: { readonly data: Float32Array; readonly shape: readonly number[] };
  /** What their noise is drawn from; not used where images keep their seeds. */
  readonly noise: NoiseStreams;
  /** Their numbers in the set, and which of the noises that they keep is used. */
  readonly indices: Int32Array;
  readonly cache: number;
  readonly assign: AssignOptions;
  /** Updates done before they are used. */
  readonly step: number;
  /** The loader's batches that they came in. */
  readonly parts: readonly Pick<LoaderBatch, 'labels' | 'shape' | 'counter' | 'after'>[];
  /** milliseconds that loading took */
  readonly load: number;
}

/** The same with its noise. */
export interface PairedImages {
  readonly batch: UnpairedBatch;
  readonly x0: Float32Array;
  readonly noise: Float32Array;
  /** mean pair distance after assignment over before, minus 1 */
  readonly distanceChange: number;
  /** milliseconds that drawing and assigning took, wherever that was */
  readonly assign: number;
}

/** Pairs a batch when it is asked for. @param seeds that images keep, which then change; see {@link pairAhead} */
export async function* pairAtOnce(
  batches: AsyncIterable<UnpairedBatch>,
  seeds: StoredSeeds | undefined,
): AsyncGenerator<PairedImages, void, undefined> {
  for await (const batch of batches) {
    const began = performance.now();
    const { x0, indices, cache, assign } = batch;
    const { noise, stats } = seeds
      ? await seeds.assign(indices, x0, { ...assign, cache })
      : await assignNoise(x0, batch.noise, assign);
    yield {
      batch,
      x0: batch.x0.data,
      noise,
      distanceChange: stats.reduction,
      assign: performance.now() - began,
    };
  }
}

/**
 * Pairs batches in a worker, `depth` of them ahead of the one in use. Ending it ends the worker.
 *
 * @param seeds that images keep; they change as batches are taken, not as they are paired
 */
export async function* pairAhead(
  batches: AsyncIterable<UnpairedBatch>,
  depth: number,
  seeds: StoredSeeds | undefined,
): AsyncGenerator<PairedImages, void, undefined> {
  for await (const { batch, x0, noise, stats, milliseconds } of lookAhead({
    batches,
    depth,
    transfer: true,
    ...(seeds ? { seeds } : {}),
  })) {
    yield { batch, x0, noise, distanceChange: stats.reduction, assign: milliseconds.worker };
  }
}
