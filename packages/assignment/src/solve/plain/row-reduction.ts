/**
 * Reduction transfer and augmenting row reduction (Jonker & Volgenant 1987, section 4): a free row takes its cheapest
 * column and lowers that column's price until its second best is as good; the row it displaces goes next. Over lists
 * or over the matrix. Twin of assembly/_reduction.ts.
 */
import { NO_COLUMN, TOO_WIDE } from '../passes.ts';
import { type CoreLists } from './core-lists.ts';
import { type State } from './state.ts';

export class RowReduction {
  /** The row that has no column. */
  failedRow = -1;

  readonly #state: State;
  readonly #left: Int32Array; // [rows] rows that the pass left free
  #next = 0;
  #waiting = 0;
  #leftCount = 0;
  #cuts = 0;
  #epsilon = 0;
  /** The two smallest reduced costs of the row looked at last. */
  #u1 = 0;
  #u2 = 0;

  constructor(state: State) {
    this.#state = state;
    this.#left = new Int32Array(state.rows);
  }

  /** See `Passes.transferReduction`. */
  transfer(lists: CoreLists | undefined): number {
    const { rows, x, v, claims, free } = this.#state;
    let count = 0;
    for (let i = 0; i < rows; i++) {
      if (claims[i] === 0) {
        free[count++] = i;
      } else if (claims[i] === 1) {
        // The row's own column stands at a reduced cost of 0, the smallest, so that its slack is the second smallest,
        // or what unlisted columns may come down to.
        this.#twoSmallest(i, lists);
        const slack = Math.min(this.#u2, lists?.bound[i] ?? Infinity);
        if (slack > 0 && slack < Infinity) v[x[i]!] = v[x[i]!]! - slack;
      }
    }
    return count;
  }

  get cutsLeft(): number {
    return this.#cuts;
  }

  begin(free: number, cuts: number, epsilon: number): void {
    this.#epsilon = epsilon;
    this.#next = 0;
    this.#waiting = free;
    this.#leftCount = 0;
    this.#cuts = cuts;
  }

  /** See `Passes.reduceRows`. */
  run(lists: CoreLists | undefined, scans: number): number {
    const { free } = this.#state;
    while (this.#next < this.#waiting && scans-- > 0) {
      const i = free[this.#next]!;
      this.#twoSmallest(i, lists);
      while (lists !== undefined && !(this.#u2 <= lists.bound[i]!)) {
        if (!lists.hasRoom()) return TOO_WIDE;
        lists.widen(i);
        this.#twoSmallest(i, lists);
      }
      if (this.#u1 === Infinity) {
        this.failedRow = i;
        return NO_COLUMN;
      }
      this.#next++;
      this.#settle(i, lists);
    }
    return this.#waiting - this.#next;
  }

  end(): number {
    const { free } = this.#state;
    while (this.#next < this.#waiting) this.#left[this.#leftCount++] = free[this.#next++]!;
    free.set(this.#left.subarray(0, this.#leftCount));
    return this.#leftCount;
  }

  /** See `Passes.releaseRows`. */
  release(lists: CoreLists | undefined): number {
    const { cost, rows, columns, x, y, v, free } = this.#state;
    let count = 0;
    for (let i = 0; i < rows; i++) {
      const own = x[i]!;
      if (own >= 0) {
        this.#twoSmallest(i, lists);
        while (lists !== undefined && !(this.#u1 <= lists.bound[i]!)) {
          if (!lists.hasRoom()) return TOO_WIDE;
          lists.widen(i);
          this.#twoSmallest(i, lists);
        }
        if (cost[i * columns + own]! - v[own]! <= this.#u1) continue;
        x[i] = -1;
        y[own] = -1;
      }
      free[count++] = i;
    }
    return count;
  }

  /** Gives row `i` its cheapest column; among equally cheap ones a free one, else the lowest. */
  #settle(i: number, lists: CoreLists | undefined): void {
    const { x, y, v, free } = this.#state;
    let column = this.#find(i, lists, false);
    // In floating point u2 > u1 does not promise that the price moves, and a price that stays put would let two rows
    // displace each other for ever: then the displaced row waits for the augmentation instead.
    const price = v[column]! - (this.#u2 - this.#u1) - this.#epsilon;
    const lowers = price < v[column]! && this.#u2 < Infinity && this.#cuts > 0;
    if (lowers) {
      this.#cuts--;
      v[column] = price;
    } else if (this.#u1 === this.#u2 && y[column]! >= 0) {
      const other = this.#find(i, lists, true);
      if (other >= 0) column = other;
    }
    const displaced = y[column]!;
    if (displaced >= 0) {
      x[displaced] = -1;
      if (lowers) free[--this.#next] = displaced;
      else this.#left[this.#leftCount++] = displaced;
    }
    x[i] = column;
    y[column] = i;
  }

  /** The first column at u1, of free columns only if so asked; -1: none. */
  #find(i: number, lists: CoreLists | undefined, freeOnly: boolean): number {
    const { cost, columns, y, v } = this.#state;
    const u1 = this.#u1;
    if (lists === undefined) {
      for (let j = 0, o = i * columns; j < columns; j++) {
        if (cost[o + j]! - v[j]! === u1 && !(freeOnly && y[j]! >= 0)) return j;
      }
      return -1;
    }
    for (let e = lists.start[i]!, last = lists.end[i]!; e < last; e++) {
      const j = lists.index[e]!;
      if (lists.value[e]! - v[j]! === u1 && !(freeOnly && y[j]! >= 0)) return j;
    }
    return -1;
  }

  #twoSmallest(i: number, lists: CoreLists | undefined): void {
    const { cost, columns, v } = this.#state;
    let u1 = Infinity;
    let u2 = Infinity;
    if (lists === undefined) {
      for (let j = 0, o = i * columns; j < columns; j++) {
        const reduced = cost[o + j]! - v[j]!;
        if (reduced < u2) {
          if (reduced < u1) {
            u2 = u1;
            u1 = reduced;
          } else {
            u2 = reduced;
          }
        }
      }
    } else {
      const { index, value } = lists;
      for (let e = lists.start[i]!, last = lists.end[i]!; e < last; e++) {
        const reduced = value[e]! - v[index[e]!]!;
        if (reduced < u2) {
          if (reduced < u1) {
            u2 = u1;
            u1 = reduced;
          } else {
            u2 = reduced;
          }
        }
      }
    }
    this.#u1 = u1;
    this.#u2 = u2;
  }
}
