/**
 * Augmenting row reduction (Jonker & Volgenant 1987, section 4): a free row takes its cheapest column and lowers that
 * column's price until its second best is as good; the row it displaces goes next.
 *
 * The bookkeeping is here; jonker-volgenant.ts and sparse-core.ts find the two cheapest columns each in their own way.
 */
import { infeasible } from './augment.ts';
import { type Matching } from './problem.ts';

/** How often one pass may lower a price, per free row: a bound against rounding, far above what is needed. */
const PRICE_CUTS_PER_ROW = 32;

export class RowReduction {
  readonly #matching: Matching;
  /** A stack from `#next` on: a displaced row takes the place of the row that displaced it. */
  readonly #waiting: Int32Array;
  readonly #left: Int32Array;
  #next = 0;
  #leftCount = 0;
  #cuts: number;

  /** @param free the rows without a column; not changed */
  constructor(matching: Matching, free: Int32Array) {
    this.#matching = matching;
    this.#waiting = free.slice();
    this.#left = new Int32Array(free.length);
    this.#cuts = PRICE_CUTS_PER_ROW * free.length;
  }

  /** The next row that needs a column; -1 when the pass is over. */
  next(): number {
    return this.#next < this.#waiting.length ? this.#waiting[this.#next++]! : -1;
  }

  /**
   * Gives row `i` its cheapest column `j1` (reduced cost `u1`), or the equally cheap `j2` if only that one is free.
   *
   * @param u2 the second smallest reduced cost of the row, at column `j2`; Infinity and -1 when there is none
   * @throws AssignmentError `infeasible` when `j1` is -1
   */
  settle(i: number, j1: number, u1: number, j2: number, u2: number): void {
    if (j1 < 0) throw infeasible(i, 0);
    const { x, y, v } = this.#matching;
    // In floating point u2 > u1 does not promise that the price moves, and a price that stays put would let two rows
    // displace each other for ever: then the displaced row waits for the augmentation instead.
    const price = v[j1]! - (u2 - u1);
    const lowers = price < v[j1]! && u2 < Infinity && this.#cuts > 0;
    let column = j1;
    if (lowers) {
      this.#cuts--;
      v[j1] = price;
    } else if (u1 === u2 && y[j1]! >= 0 && y[j2]! < 0) {
      column = j2;
    }
    const displaced = y[column]!;
    if (displaced >= 0) {
      x[displaced] = -1;
      if (lowers) this.#waiting[--this.#next] = displaced;
      else this.#left[this.#leftCount++] = displaced;
    }
    x[i] = column;
    y[column] = i;
  }

  /** The rows that are free after the pass. */
  left(): Int32Array {
    return this.#left.slice(0, this.#leftCount);
  }
}
