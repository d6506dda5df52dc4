/**
 * The look-ahead: batch, noise and pairing of step k+1 depend on nothing that step k computes, so a worker prepares
 * them while the device trains, and the assignment costs a step nothing but the taking over of its arrays.
 *
 * A bounded queue: `depth` batches are on their way while one is in use. The source is asked for another one only when
 * one is taken, so a slow step holds back the source, and a slow source never lets batches overtake each other.
 */
import { type AssignedNoise } from '../assign-noise.ts';
import { AssignmentError } from '../errors.ts';
import { type Samples, view } from '../inputs.ts';
import { isNoiseStreams, type NoiseStreams } from '../noise-streams.ts';
import { type AssignNoiseOptions } from '../options.ts';
import { type SeedChange, type StoredSeeds } from '../stored-seeds.ts';
import { AssignmentWorker } from './assignment-worker.ts';
import { type Paired, type Seeded, type Sent } from './messages.ts';
import { type ForeignWorker } from '../worker-thread.ts';

/** Options of `assignNoise` that can follow to another thread. There costs are computed on one thread by default. */
export type AssignAheadOptions = Omit<AssignNoiseOptions, 'computeCost'>;

/** What a source gives: images and whatever else a step wants, which comes back as it was. */
export interface LookAheadBatch {
  /** B images of D numbers. They must stay as they are until the batch comes back. */
  readonly x0: Samples;
  /** Noise of one's own, or the streams to draw it from. Default: the streams that the look-ahead's `noise` names. */
  readonly noise?: Samples | NoiseStreams;
  /** With stored seeds: which data of the set these are, and which of their caches is used (default 0). */
  readonly indices?: ArrayLike<number>;
  readonly cache?: number;
  /** Options for this batch alone, over those for all. */
  readonly assign?: AssignAheadOptions;
}

export interface LookAheadOptions<B extends LookAheadBatch> {
  /** Where batches come from, in order; it is told (`return`) when the look-ahead ends. */
  readonly batches: AsyncIterable<B> | Iterable<B>;
  /**
   * Which noise is drawn for batches that bring none: sample n of the look-ahead, counted from 0 over all its batches,
   * has stream `stream + n` (default 0) under `seed`. A loop that resumes passes the number of samples it has seen.
   */
  readonly noise?: { readonly seed: number; readonly stream?: number };
  /**
   * Seeds that data keep, instead of `noise`. A copy of them is what the worker goes on from; these here change as
   * batches are taken, so their `state()` is that of the batches which were, however many are ahead.
   */
  readonly seeds?: StoredSeeds;
  /** How noise is assigned, as for `assignNoise`. */
  readonly assign?: AssignAheadOptions;
  /** Batches on their way while one is in use, from 1 on. Default 2: one in the worker, one being loaded. */
  readonly depth?: number;
  /**
   * Moves images that own their whole buffer to the worker and back instead of copying them there: a batch's own `x0`
   * is empty from then on, and the images are `x0` of what comes back. Its `noise`, if it has one, moves likewise and
   * does not come back. What lies in shared memory is neither copied nor moved, whatever this says. Default false.
   */
  readonly transfer?: boolean;
  /**
   * Makes the worker, for pages whose content security policy forbids workers from blobs and for bundles that should
   * hold it as a file: `() => new Worker(new URL('@immiscible/assignment/worker', import.meta.url), { type: 'module' })`.
   */
  readonly worker?: () => ForeignWorker;
}

/** A batch with the noise that was assigned to it. */
export interface PairedBatch<B extends LookAheadBatch> extends AssignedNoise {
  /** What the source gave. */
  readonly batch: B;
  /** The images: where they were not moved, the very array that the source gave. */
  readonly x0: Float32Array;
  /** With stored seeds: who holds what now. */
  readonly change?: SeedChange;
  /** Milliseconds that the worker was busy with this batch, and that `next()` had to wait for it. */
  readonly milliseconds: { readonly worker: number; readonly waited: number };
}

/** Batches with their noise, in the order of the source; for `for await`, or step by step with `next()`. */
export interface LookAhead<B extends LookAheadBatch> extends AsyncIterableIterator<
  PairedBatch<B>,
  undefined
> {
  next(): Promise<IteratorResult<PairedBatch<B>, undefined>>;
  return(): Promise<IteratorReturnResult<undefined>>;
  /** Ends worker and source. Breaking out of `for await` does the same; calling it twice does no harm. */
  close(): Promise<void>;
}

/**
 * Pairs batches ahead of the loop that uses them.
 *
 * Nothing starts before the first `next()`. An error, of the source or of an assignment, comes at the place of its
 * batch, after all batches before it, and ends the look-ahead. The worker never keeps a process alive that has nothing
 * else to do.
 *
 * @throws AssignmentError `invalid-option`; from `next()` also whatever `assignNoise` or the source throw, and
 *   `worker-failure` where there are no worker threads or the worker died
 */
export function lookAhead<B extends LookAheadBatch>(options: LookAheadOptions<B>): LookAhead<B> {
  const { depth = 2, assign } = options;
  if (!Number.isSafeInteger(depth) || depth < 1) {
    throw new AssignmentError(
      'invalid-option',
      `lookAhead: depth must be a whole number from 1 on, got ${String(depth)}`,
    );
  }
  refuseHook(assign);
  return new Queue(options, depth);
}

interface Packed {
  readonly sent: Sent;
  readonly buffers: readonly ArrayBuffer[];
  readonly moved: boolean;
}

type Result<B extends LookAheadBatch> = IteratorResult<PairedBatch<B>, undefined>;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

class Queue<B extends LookAheadBatch> implements LookAhead<B> {
  readonly #options: LookAheadOptions<B>;
  readonly #depth: number;
  readonly #source: AsyncIterator<B> | Iterator<B>;
  readonly #ahead: Promise<Result<B>>[] = [];
  /** Who waits in `next()`: each is told when there will be nothing. */
  readonly #waiting = new Set<() => void>();
  #worker: AssignmentWorker | undefined;
  #lastPull: Promise<unknown> = Promise.resolve();
  #pulling = 0;
  #drawn = 0;
  #exhausted = false;
  #closing: Promise<void> | undefined;

  constructor(options: LookAheadOptions<B>, depth: number) {
    const { batches } = options;
    this.#options = options;
    this.#depth = depth;
    this.#source =
      Symbol.asyncIterator in batches ? batches[Symbol.asyncIterator]() : batches[Symbol.iterator]();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<Result<B>> {
    if (this.#closing) return DONE;
    const began = performance.now();
    this.#fill(this.#depth + 1);
    try {
      const result = await this.#take();
      if (result.done) {
        await this.close();
        return DONE;
      }
      const { value } = result;
      if (value.change) this.#options.seeds?.apply(value.change);
      const waited = performance.now() - began;
      return { done: false, value: { ...value, milliseconds: { ...value.milliseconds, waited } } };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    await this.close();
    return DONE;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#shutDown());
  }

  /** The first of the batches ahead; nothing where the look-ahead is closed before it comes. */
  #take(): Promise<Result<B>> {
    return new Promise((resolve, reject) => {
      const stop = (): void => resolve(DONE);
      this.#waiting.add(stop);
      this.#worker?.hold(true);
      const settle = (): void => {
        this.#waiting.delete(stop);
        this.#worker?.hold(this.#waiting.size > 0);
      };
      this.#ahead.shift()?.then(resolve, reject).finally(settle);
    });
  }

  async #shutDown(): Promise<void> {
    for (const stop of this.#waiting) stop();
    await this.#worker?.close();
    if (this.#exhausted) return;
    const ended = Promise.resolve(this.#source.return?.());
    // A source that is in the middle of a batch ends when it has it; nobody waits for that.
    if (this.#pulling > 0) ended.catch(() => undefined);
    else await ended;
  }

  /** Has the next batches on their way. */
  #fill(count: number): void {
    while (this.#ahead.length < count) {
      const paired = this.#pull();
      paired.catch(() => undefined); // it is thrown where its batch is taken, if it ever is
      this.#ahead.push(paired);
    }
  }

  async #pull(): Promise<Result<B>> {
    const before = this.#lastPull;
    const pulled = before.then(() => this.#fromSource());
    this.#lastPull = pulled;
    const result = await pulled;
    return result === undefined ? DONE : { done: false, value: await result() };
  }

  /** The next batch on its way to the worker; nothing at the end of the source. */
  async #fromSource(): Promise<(() => Promise<PairedBatch<B>>) | undefined> {
    if (this.#exhausted || this.#closing) return undefined;
    this.#pulling++;
    try {
      const result: IteratorResult<B, unknown> = await this.#source.next();
      this.#exhausted ||= result.done === true;
      if (result.done === true || this.#closing) return undefined;
      const paired = this.#pair(result.value);
      paired.catch(() => undefined);
      return () => paired;
    } catch (error) {
      this.#exhausted = true; // a source that has thrown is over
      throw error;
    } finally {
      this.#pulling--;
    }
  }

  async #pair(batch: B): Promise<PairedBatch<B>> {
    const options = { ...this.#options.assign, ...batch.assign };
    refuseHook(options);
    const images = view('x0', batch.x0);
    const noise = this.#options.seeds
      ? seededOf(batch)
      : this.#noiseFor(batch, options.batch ?? images.shape?.[0]);
    const { transfer = false } = this.#options;
    const x0 = packed(images, transfer);
    const drawn =
      isNoiseStreams(noise) || isSeeded(noise)
        ? { sent: noise, buffers: [] }
        : packed(view('noise', noise), transfer);
    const request = { x0: x0.sent, moved: x0.moved, noise: drawn.sent, options };
    const paired = await this.#theWorker().pair(request, [...x0.buffers, ...drawn.buffers]);
    return describe(batch, images.data, paired);
  }

  #noiseFor(batch: B, rows: number | undefined): Samples | NoiseStreams {
    if (batch.noise !== undefined) return batch.noise;
    const { noise } = this.#options;
    if (!noise) {
      throw new AssignmentError(
        'invalid-option',
        'lookAhead: a batch has no noise, and there is no `noise: { seed }` to draw it from; pass one of them',
      );
    }
    if (rows === undefined) {
      throw new AssignmentError(
        'invalid-size',
        'lookAhead: x0 is a flat array, which does not say how many images it holds; pass { data, shape } or assign: { batch: B }',
      );
    }
    const first = (noise.stream ?? 0) + this.#drawn;
    this.#drawn += rows;
    return { seed: noise.seed, streams: Array.from({ length: rows }, (_, i) => first + i) };
  }

  #theWorker(): AssignmentWorker {
    if (!this.#worker) {
      this.#worker = new AssignmentWorker(this.#options.worker, this.#options.seeds?.state());
      this.#worker.hold(this.#waiting.size > 0);
    }
    return this.#worker;
  }
}

/** An array for the worker with the buffer that travels: its own, that of a copy, or none where memory is shared. */
function packed({ data, shape }: Sent, mayMove: boolean): Packed {
  const { buffer } = data;
  if (typeof SharedArrayBuffer === 'function' && buffer instanceof SharedArrayBuffer) {
    return { sent: { data, shape }, buffers: [], moved: false };
  }
  const moved = mayMove && data.byteLength === buffer.byteLength;
  const own = moved ? data : new Float32Array(data);
  return { sent: { data: own, shape }, buffers: [own.buffer as ArrayBuffer], moved };
}

function seededOf({ indices, cache = 0 }: LookAheadBatch): Seeded {
  if (indices) return { indices, cache };
  throw new AssignmentError(
    'invalid-option',
    'lookAhead: with stored seeds every batch says which data it has; give it `indices`',
  );
}

function isSeeded(noise: Samples | NoiseStreams | Seeded): noise is Seeded {
  return 'indices' in noise;
}

function describe<B extends LookAheadBatch>(batch: B, x0: Float32Array, paired: Paired): PairedBatch<B> {
  const { assigned, milliseconds } = paired;
  return {
    ...assigned,
    batch,
    x0: paired.x0 ?? x0,
    milliseconds: { worker: milliseconds, waited: 0 },
  };
}

function refuseHook(options: AssignAheadOptions | undefined): void {
  if (options && 'computeCost' in options) {
    throw new AssignmentError(
      'invalid-option',
      'lookAhead: computeCost cannot follow to another thread; leave it out, or call assignNoise',
    );
  }
}
