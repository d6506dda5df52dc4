/**
 * Stored seeds: every datum keeps the seed of its noise from epoch to epoch, and whenever a batch is assigned, its data
 * swap seeds among themselves if that brings them nearer. Small batches so pair across the whole data set, visit by
 * visit (LOOM-CFM: Davtyan, Dadi, Cevher, Favaro, "Faster Inference of Flow-Based Generative Models via Improved
 * Data-Noise Coupling", ICLR 2025).
 *
 * A seed is a slot: a number from 0 to size - 1 that names a counter-based stream of noise. Data hold a permutation of
 * the slots, swaps keep it one, so the noise that is trained on is exactly the set that was drawn at the start: nothing
 * of the marginal is lost, and nothing is added either. Several caches, each a permutation with noise of its own,
 * soften that: visits take turns among them.
 *
 * For data that do not change between visits the total cost over the set never rises.
 */
import { assignNoise, type AssignedNoise } from './assign-noise.ts';
import { AssignmentError } from './errors.ts';
import { sampleLength, type Samples } from './inputs.ts';
import { drawStreams } from './noise-streams.ts';
import { type AssignNoiseOptions } from './options.ts';

export interface StoredSeedsOptions {
  /** Data in the set. */
  readonly size: number;
  /** Seed of all noise, a whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** The stream of slot 0 of cache 0 (default 0); slot s of cache c is stream `firstStream + c * size + s`. */
  readonly firstStream?: number;
  /** Noises kept for each datum (default 1). */
  readonly caches?: number;
}

/** What a checkpoint has to keep: plain data, apart from `slots`. */
export interface StoredSeedsState {
  readonly size: number;
  readonly seed: number;
  readonly firstStream: number;
  readonly caches: number;
  /** [caches * size] The slot of each datum, cache after cache. Any array of numbers will do to restore from. */
  readonly slots: ArrayLike<number>;
}

/** Who holds what after one assignment: enough to do the same to another copy of the state. */
export interface SeedChange {
  readonly cache: number;
  /** [rows] The data of the batch. */
  readonly indices: Uint32Array;
  /** [rows] The slot that each of them holds now. */
  readonly slots: Uint32Array;
}

export interface SeededNoise extends AssignedNoise {
  readonly change: SeedChange;
}

/** Method, batch and noises follow from the seeds. */
export type SeededOptions = Omit<AssignNoiseOptions, 'method' | 'batch' | 'k'> & {
  /** Which cache this visit takes (default 0), for example the epoch modulo `caches`. */
  readonly cache?: number;
};

export class StoredSeeds {
  readonly size: number;
  readonly caches: number;
  readonly #seed: number;
  readonly #firstStream: number;
  readonly #slots: Uint32Array; // [caches * size]
  #turn: Promise<unknown> = Promise.resolve();

  /** Every datum begins with the slot of its own number. @throws AssignmentError `invalid-option` */
  constructor({ size, seed, firstStream = 0, caches = 1 }: StoredSeedsOptions) {
    whole('size', size, 1, 2 ** 32);
    whole('caches', caches, 1, 2 ** 32);
    whole('seed', seed, 0, Number.MAX_SAFE_INTEGER);
    whole('firstStream', firstStream, 0, Number.MAX_SAFE_INTEGER - caches * size);
    this.size = size;
    this.caches = caches;
    this.#seed = seed;
    this.#firstStream = firstStream;
    this.#slots = Uint32Array.from({ length: caches * size }, (_, e) => e % size);
  }

  /**
   * The seeds as they were when `state` was taken.
   *
   * @throws AssignmentError `invalid-option` when a cache does not hold every slot once
   */
  static restore(state: StoredSeedsState): StoredSeeds {
    const seeds = new StoredSeeds(state);
    const { size, caches } = seeds;
    if (state.slots.length !== caches * size) {
      throw invalid(`slots must be ${caches} × ${size} numbers, got ${state.slots.length}`);
    }
    for (let cache = 0; cache < caches; cache++) {
      const seen = new Uint8Array(size);
      for (let i = 0; i < size; i++) {
        const slot = state.slots[cache * size + i]!;
        if (!(Number.isInteger(slot) && slot >= 0 && slot < size) || seen[slot] === 1) {
          throw invalid(
            `every cache must hold the slots 0 … ${size - 1} once each, got ${slot} ` +
              `${seen[slot] === 1 ? 'again ' : ''}at datum ${i} of cache ${cache}; the state is damaged`,
          );
        }
        seen[slot] = 1;
        seeds.#slots[cache * size + i] = slot;
      }
    }
    return seeds;
  }

  /** A copy, for a checkpoint. Assignments that are still on their way are not in it. */
  state(): StoredSeedsState & { readonly slots: Uint32Array } {
    return {
      size: this.size,
      seed: this.#seed,
      firstStream: this.#firstStream,
      caches: this.caches,
      slots: this.#slots.slice(),
    };
  }

  /** The slot that a datum holds. @throws AssignmentError `invalid-option` */
  slotOf(index: number, cache = 0): number {
    whole('index', index, 0, this.size - 1);
    whole('cache', cache, 0, this.caches - 1);
    return this.#slots[cache * this.size + index]!;
  }

  /**
   * Draws the noise that a batch of data holds, lets them swap it as that lowers their total cost in the metric, and
   * remembers who has what. Calls take turns in the order in which they were made.
   *
   * @param indices [rows] the numbers of the data in the set, from 0 to size - 1, all different
   * @param x0 the data themselves
   * @returns as `assignNoise`; `pairing` counts rows of the batch
   * @throws AssignmentError as `assignNoise`; `invalid-option` for indices that are none or repeat. Then nothing has
   *   changed
   */
  assign(indices: ArrayLike<number>, x0: Samples, options: SeededOptions = {}): Promise<SeededNoise> {
    const turn = this.#turn.then(() => this.#assign(indices, x0, options));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #assign(
    given: ArrayLike<number>,
    x0: Samples,
    { cache = 0, ...options }: SeededOptions,
  ): Promise<SeededNoise> {
    const indices = this.#readIndices(given);
    whole('cache', cache, 0, this.caches - 1);
    const held = Uint32Array.from(indices, (index) => this.#slots[cache * this.size + index]!);
    const base = this.#firstStream + cache * this.size;
    const streams = Array.from(held, (slot) => base + slot);
    const length = sampleLength(x0, indices.length);
    const noise = {
      data: drawStreams({ seed: this.#seed, streams }, length),
      shape: [indices.length, length],
    };
    const batch = indices.length;
    let assigned = await assignNoise(x0, noise, { ...options, batch, method: 'linear' });
    // Rounded costs decide the pairing; a swap that costs more when nothing is rounded is not made.
    if (assigned.stats.costAfter > assigned.stats.costBefore) {
      assigned = await assignNoise(x0, noise, { ...options, batch, method: 'identity' });
    }
    const change = { cache, indices, slots: Uint32Array.from(assigned.pairing, (row) => held[row]!) };
    this.#write(change);
    return { ...assigned, change };
  }

  /**
   * Makes a change that another copy of these seeds has made: a worker's on the main thread, another process's here.
   *
   * @throws AssignmentError `invalid-option` when these data do not hold these slots, in whatever order: changes must
   *   be applied to every copy in the order in which they were made
   */
  apply(change: SeedChange): void {
    const { cache } = change;
    whole('cache', cache, 0, this.caches - 1);
    const indices = this.#readIndices(change.indices);
    const held = Uint32Array.from(indices, (index) => this.#slots[cache * this.size + index]!).sort();
    const wanted = Uint32Array.from(change.slots).sort();
    if (wanted.length !== held.length || wanted.some((slot, i) => slot !== held[i])) {
      throw invalid(
        'the change moves slots that its data do not hold here; apply all changes, in their order',
      );
    }
    this.#write({ cache, indices, slots: change.slots });
  }

  #write({ cache, indices, slots }: SeedChange): void {
    indices.forEach((index, i) => {
      this.#slots[cache * this.size + index] = slots[i]!;
    });
  }

  #readIndices(given: ArrayLike<number>): Uint32Array {
    if (given.length === 0) throw invalid('indices must name at least one datum, got none');
    const seen = new Set<number>();
    for (let i = 0; i < given.length; i++) {
      const index = given[i]!;
      whole('index', index, 0, this.size - 1);
      if (seen.has(index)) {
        throw invalid(
          `a datum has one seed to give, but ${index} is twice in the batch; draw without replacement`,
        );
      }
      seen.add(index);
    }
    return Uint32Array.from(given);
  }
}

function whole(name: string, value: number, from: number, to: number): void {
  if (Number.isSafeInteger(value) && value >= from && value <= to) return;
  throw invalid(`${name} must be a whole number from ${from} to ${to}, got ${value}`);
}

function invalid(what: string): AssignmentError {
  return new AssignmentError('invalid-option', `StoredSeeds: ${what}`);
}
