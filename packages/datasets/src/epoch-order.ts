/**
 * The order of one epoch, drawn only as far as it has been read.
 *
 * Fisher–Yates from the front settles element i at step i, so a batch pays for its own images and no batch pays for
 * a whole epoch's shuffle: beginning an epoch costs no more than any other step.
 */
import { RandomStream, type Seed } from '@immiscible/random';

/** A uniformly random order of 0 … length-1, the same for the same seed and stream. */
export class EpochOrder {
  readonly #order: Uint32Array;
  readonly #random: RandomStream;
  #settled = 0;

  constructor(seed: Seed, stream: number, length: number) {
    this.#order = Uint32Array.from({ length }, (_, i) => i);
    this.#random = new RandomStream(seed, stream);
  }

  /** Elements start … end-1, a view that does not change any more. */
  slice(start: number, end: number): Uint32Array {
    const order = this.#order;
    for (; this.#settled < end; this.#settled++) {
      const i = this.#settled;
      const j = i + this.#random.below(order.length - i);
      const held = order[i]!;
      order[i] = order[j]!;
      order[j] = held;
    }
    return order.subarray(start, end);
  }
}
