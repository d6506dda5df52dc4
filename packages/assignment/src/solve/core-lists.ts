/**
 * The sparse core: for each row the columns that can matter, and a bound below which no other column lies.
 *
 * In image–noise distance matrices the optimal partner of a row is among its few best columns once row and column
 * means are taken off. A list holds every column whose reduced cost `cost - v` is below the row's `bound`. Both exact
 * solvers only ever lower v, so reduced costs only ever rise and the bound stays true without looking at the matrix
 * again; whoever needs to know what lies above it widens that one row (one dense pass).
 *
 * How many columns a list gets is aimed at, not exact: limits come from a normal fit or from a sample of the row. A
 * bad guess costs time, never correctness.
 */
import { type Costs, type Problem } from './problem.ts';
import { select } from './select.ts';

/** Aimed number of columns in a row's first list and in its first refreshed one; each later one aims at twice as many. */
const FIRST_LIST = 14;
/** Every how many columns the sample of a row takes one. */
const SAMPLE_STRIDE = 8;

export class CoreLists {
  /** Columns and costs of all lists, one after another. */
  index: Int32Array;
  value: Float64Array;
  readonly start: Int32Array; // [rows]
  readonly end: Int32Array; // [rows]
  /** [rows] Every column outside a row's list has a reduced cost of at least this; Infinity: the list is complete. */
  readonly bound: Float64Array;
  /** Entries in all lists as they stand. */
  live = 0;

  readonly #cost: Costs;
  readonly #columns: number;
  readonly #v: Float64Array;
  readonly #aim: Int32Array; // [rows] aimed length of the next list
  readonly #sample: Float64Array;
  #used = 0;

  /**
   * @param v the column duals, shared with the solver that lowers them
   * @param normal whether the rows' reduced costs are about normal, as centred ones are: then a fit is a better guess
   *   than a sample
   */
  constructor(problem: Problem, v: Float64Array, normal: boolean) {
    const { rows, columns } = problem;
    this.#cost = problem.cost;
    this.#columns = columns;
    this.#v = v;
    this.#aim = new Int32Array(rows).fill(FIRST_LIST);
    this.#sample = new Float64Array(Math.ceil(columns / SAMPLE_STRIDE));
    this.start = new Int32Array(rows);
    this.end = new Int32Array(rows);
    this.bound = new Float64Array(rows);
    const capacity = rows * FIRST_LIST * 3 + columns;
    this.index = new Int32Array(capacity);
    this.value = new Float64Array(capacity);
    const z = normalQuantile(Math.min(0.5, FIRST_LIST / columns));
    for (let i = 0; i < rows; i++) {
      this.#collect(i, normal ? this.#normalLimit(i, z) : this.#sampleLimit(i, FIRST_LIST));
      if (2 * (this.end[i]! - this.start[i]!) < FIRST_LIST && this.bound[i]! < Infinity) {
        this.live -= this.end[i]! - this.start[i]!;
        this.#used = this.start[i]!;
        this.#collect(i, Math.max(this.bound[i]!, this.#sampleLimit(i, 2 * FIRST_LIST)));
      }
    }
  }

  /** Replaces a row's list by a longer one with a higher bound. */
  widen(row: number): void {
    this.live -= this.end[row]! - this.start[row]!;
    const aim = this.#aim[row]!;
    this.#aim[row] = 2 * aim;
    // On the bound there is at least one column that was left out, so every widening gets somewhere.
    const limit =
      2 * aim < this.#columns ? Math.max(this.bound[row]!, this.#sampleLimit(row, aim)) : Infinity;
    this.#collect(row, limit);
  }

  /** A limit that about a share P(Z < z) of the row's reduced costs are below, if they are normal. */
  #normalLimit(row: number, z: number): number {
    const n = this.#columns;
    const stride = Math.max(1, n >> 7);
    let count = 0;
    let sum = 0;
    let squares = 0;
    let origin = 0;
    for (let j = row % stride, o = row * n; j < n; j += stride) {
      const reduced = this.#cost[o + j]! - this.#v[j]!;
      if (reduced === Infinity) continue;
      if (count++ === 0) origin = reduced;
      const r = reduced - origin;
      sum += r;
      squares += r * r;
    }
    if (count === 0) return 0;
    const mean = sum / count;
    return origin + mean + z * Math.sqrt(Math.max(0, squares / count - mean * mean));
  }

  /** A limit that about `aim` of the row's reduced costs are below, from every eighth of them. */
  #sampleLimit(row: number, aim: number): number {
    const n = this.#columns;
    const sample = this.#sample;
    let count = 0;
    for (let j = row % SAMPLE_STRIDE, o = row * n; j < n; j += SAMPLE_STRIDE) {
      sample[count++] = this.#cost[o + j]! - this.#v[j]!;
    }
    return count > 0 ? select(sample, count, Math.min(count - 1, Math.round((aim * count) / n))) : Infinity;
  }

  /** The list of all columns with a reduced cost up to `limit`; the bound becomes the smallest one left out. */
  #collect(row: number, limit: number): void {
    const n = this.#columns;
    if (this.#used + n > this.index.length) this.#grow(n);
    const cost = this.#cost;
    const v = this.#v;
    const index = this.index;
    const value = this.value;
    let at = this.#used;
    let outside = Infinity;
    this.start[row] = at;
    for (let j = 0, o = row * n; j < n; j++, o++) {
      const c = cost[o]!;
      const reduced = c - v[j]!;
      if (reduced <= limit) {
        index[at] = j;
        value[at++] = c;
      } else if (reduced < outside) {
        outside = reduced;
      }
    }
    this.end[row] = at;
    this.bound[row] = outside;
    this.live += at - this.#used;
    this.#used = at;
  }

  #grow(room: number): void {
    const capacity = Math.max(2 * this.index.length, this.#used + room);
    const index = new Int32Array(capacity);
    index.set(this.index.subarray(0, this.#used));
    this.index = index;
    const value = new Float64Array(capacity);
    value.set(this.value.subarray(0, this.#used));
    this.value = value;
  }
}

/** z with P(Z < z) = p for a standard normal Z, to about 0.005 (Abramowitz & Stegun 26.2.22); p in (0, 0.5]. */
function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(p));
  return -(t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t));
}
