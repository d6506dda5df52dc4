/**
 * The sparse core: for each row the columns that can matter, and a bound below which no other column lies.
 *
 * In image–noise distance matrices the optimal partner of a row is among its few best columns once column means are
 * taken off. A list holds every column whose reduced cost `cost - v` is at most the row's `bound`. Both exact solvers
 * only ever lower v, so reduced costs only ever rise and the bound stays true without looking at the matrix again;
 * whoever needs to know what lies above it widens that one row (a few passes over it).
 *
 * Where a bound is put decides how long a list is, and so how long things take; never what is right. Twin of
 * assembly/_lists.ts, decision by decision.
 */
import { type State } from './state.ts';

/** A list that is made anew has at least FEW and, where ties and eight probes allow, at most MANY columns. */
const FEW = 8;
const MANY = 40;
const NARROWINGS = 8;
const WIDENINGS = 40;
/** Rows before whose number an average means nothing. */
const SETTLED_ROWS = 8;

export class CoreLists {
  /** Columns and costs of all lists, one after another. */
  index: Int32Array;
  value: Float64Array;
  readonly start: Int32Array; // [rows]
  readonly end: Int32Array; // [rows]
  /** [rows] Every column outside a row's list has a reduced cost above this; Infinity: the list is complete. */
  readonly bound: Float64Array;

  readonly #state: State;
  readonly #most: number;
  readonly #step: Float64Array; // [rows] how far the next bound is to rise
  #live = 0;
  #used = 0;
  /** How many deviations below the mean the last row's limit lay: the next row's guess. */
  #quantile = 0;

  /** @param most entries that all lists may have together before they are too wide */
  constructor(state: State, most: number) {
    const { rows, columns } = state;
    this.#state = state;
    this.#most = most;
    this.#step = new Float64Array(rows);
    this.start = new Int32Array(rows);
    this.end = new Int32Array(rows);
    this.bound = new Float64Array(rows);
    const capacity = rows * MANY + columns;
    this.index = new Int32Array(capacity);
    this.value = new Float64Array(capacity);
  }

  /** Whether the lists are still narrow enough to be widened. */
  hasRoom(): boolean {
    return this.#live <= this.#most;
  }

  /** Makes every row's first list. See `Passes.buildLists`. */
  build(z: number, widest: number): boolean {
    const { rows } = this.#state;
    this.#used = 0;
    this.#live = 0;
    this.#quantile = z;
    this.start.fill(0);
    this.end.fill(0);
    for (let i = 0; i < rows; i++) {
      if (!this.hasRoom()) return false;
      this.#guess(i);
      if (this.#live > (i + SETTLED_ROWS) * widest) return false;
    }
    return true;
  }

  /** Replaces a row's list by one that reaches further. */
  widen(row: number): void {
    const low = this.bound[row]!;
    this.#search(row, low + this.#step[row]!, low);
  }

  /** A first limit from the mean and deviation of about 128 of the row's reduced costs, then a search from there. */
  #guess(row: number): void {
    const { cost, columns: n, v } = this.#state;
    const stride = Math.max(1, n >> 7);
    const o = row * n;
    let count = 0;
    let sum = 0;
    let squares = 0;
    let origin = 0;
    for (let j = row % stride; j < n; j += stride) {
      const reduced = cost[o + j]! - v[j]!;
      if (reduced === Infinity) continue;
      if (count++ === 0) origin = reduced;
      const r = reduced - origin;
      sum += r;
      squares += r * r;
    }
    const samples = Math.max(1, count);
    const mean = sum / samples;
    const deviation = Math.sqrt(Math.max(0, squares / samples - mean * mean));
    this.#step[row] = deviation / 8;
    this.#search(row, origin + mean + this.#quantile * deviation, -Infinity);
    const limit = this.bound[row]!;
    if (deviation > 0 && limit < Infinity) this.#quantile = (limit - origin - mean) / deviation;
  }

  /** Makes a list of FEW to MANY columns with a bound above `low`, starting with `limit`. */
  #search(row: number, limit: number, low: number): void {
    const was = this.end[row]! - this.start[row]!;
    if (this.#used + this.#state.columns > this.index.length) this.#grow(this.#state.columns);
    const start = this.#used;
    const many = Math.max(MANY, 2 * was);
    let stride = this.#step[row]!;
    let high = Infinity;
    let narrowings = 0;
    let collected = 0;
    for (let probe = 0; ; probe++) {
      this.#used = start;
      if (!(limit > low) || probe === WIDENINGS) limit = Infinity;
      collected = this.#collect(row, limit);
      if (limit === Infinity) break;
      if (collected < FEW) {
        low = limit;
        if (high < Infinity) {
          limit = low + (high - low) / 2;
        } else {
          limit += stride;
          stride *= 2;
        }
      } else if (collected > many && narrowings < NARROWINGS) {
        narrowings++;
        const next = low > -Infinity ? low + (limit - low) / 2 : limit - stride;
        if (!(next > low && next < limit)) break;
        high = limit;
        limit = next;
        stride *= 2;
      } else {
        break;
      }
    }
    this.#live += collected - was;
    // A list that hardly grew takes a larger step next time.
    if (low > -Infinity) this.#step[row] = collected < was + FEW ? 2 * (limit - low) : limit - low;
  }

  /** The list of all columns with a reduced cost up to `limit` that are allowed; returns how many. */
  #collect(row: number, limit: number): number {
    const { cost, columns: n, v } = this.#state;
    const { index, value } = this;
    let at = this.#used;
    this.start[row] = at;
    for (let j = 0, o = row * n; j < n; j++, o++) {
      const c = cost[o]!;
      if (c - v[j]! <= limit && c < Infinity) {
        index[at] = j;
        value[at++] = c;
      }
    }
    this.end[row] = at;
    this.bound[row] = limit;
    const count = at - this.#used;
    this.#used = at;
    return count;
  }

  /** Moves the lists that count into larger arrays. */
  #grow(space: number): void {
    const capacity = 2 * (this.#live + space);
    const index = new Int32Array(capacity);
    const value = new Float64Array(capacity);
    let used = 0;
    for (let i = 0; i < this.start.length; i++) {
      const [start, end] = [this.start[i]!, this.end[i]!];
      index.set(this.index.subarray(start, end), used);
      value.set(this.value.subarray(start, end), used);
      this.start[i] = used;
      used += end - start;
      this.end[i] = used;
    }
    this.index = index;
    this.value = value;
    this.#used = used;
  }
}
