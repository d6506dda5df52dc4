/**
 * Greedy assignment on centred costs: the cheapest pair first, then the cheapest among the rows and columns that are
 * left. It proves a bound, not optimality; what it costs is about a pass over the matrix.
 *
 * No sort of the matrix: a row keeps a short sorted list of its cheapest columns, and a heap of rows says whose turn it
 * is. A list that runs out is made again, twice as long, from the columns still free.
 */
import { augmentRow, augmentScratch, infeasible } from './augment.ts';
import { centredOffsets, type Offsets, tighten } from './centre.ts';
import { KeyHeap } from './heap.ts';
import { emptyMatching, type Matching, type Problem } from './problem.ts';
import { select } from './select.ts';

/** Aimed length of a row's first list. */
const FIRST_LIST = 12;
/** Every how many columns the sample that aims takes one. */
const SAMPLE_STRIDE = 8;
/** Pairs between two looks at the clock. */
const PAIRS_PER_LOOK = 64;

/**
 * A complete matching and the column duals of a bound.
 *
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export function greedy(problem: Problem): Matching {
  const offsets = centredOffsets(problem);
  const matching = greedyMatching(problem, offsets);
  boundFrom(problem, matching, offsets.v);
  return matching;
}

/** Puts duals into a matching that has none: `v`, as far as it is feasible, tightened. */
export function boundFrom(problem: Problem, matching: Matching, v: Float64Array): void {
  // A column that may stay over must have a dual that is not above 0, and centred ones straddle it.
  if (problem.rows === problem.columns) matching.v.set(v);
  else matching.v.fill(0);
  tighten(problem, matching.v);
}

/**
 * Pairs rows with columns in the order of `cost - u - v`, smallest first. Where forbidden pairs leave rows without a
 * column, shortest paths rearrange the others until all have one. The duals of the result are not set.
 *
 * @throws AssignmentError `infeasible`
 */
export function greedyMatching(problem: Problem, offsets: Offsets): Matching {
  const { rows, columns } = problem;
  const matching = emptyMatching(rows, columns);
  const { x, y } = matching;
  const lists = new GreedyLists(problem, offsets);
  const heap = new KeyHeap(rows);
  for (let i = 0; i < rows; i++) {
    const key = lists.next(i);
    if (key < Infinity) heap.push(key, i);
  }
  for (let paired = 0; heap.top < Infinity;) {
    const key = heap.top;
    const row = heap.pop();
    const now = lists.next(row);
    if (now > key) {
      if (now < Infinity) heap.push(now, row);
      continue;
    }
    const column = lists.take(row);
    x[row] = column;
    y[column] = row;
    if (++paired % PAIRS_PER_LOOK === 0 && problem.outOfTime()) return matching;
  }
  if (problem.forbidden) {
    const scratch = augmentScratch(columns);
    const state = { cost: problem.cost, columns, ...matching };
    for (let i = 0; i < rows && !problem.outOfTime(); i++) {
      if (x[i]! < 0 && !augmentRow(state, i, scratch)) throw infeasible(i, scratch.settledCount);
    }
  }
  return matching;
}

/** The cheapest free columns of every row, in order. */
class GreedyLists {
  readonly #problem: Problem;
  readonly #offsets: Offsets;
  readonly #lists: Int32Array[] = []; // [rows] columns, cheapest first
  readonly #at: Int32Array; // [rows] position in the row's list
  readonly #aim: Int32Array; // [rows]
  readonly #free: Int32Array; // columns without a row come first
  readonly #place: Int32Array; // [columns] where each column is in #free
  #freeCount: number;
  readonly #keys: Float64Array; // [columns] of the row at work
  readonly #sample: Float64Array;
  readonly #kept: Int32Array;

  constructor(problem: Problem, offsets: Offsets) {
    const { rows, columns } = problem;
    this.#problem = problem;
    this.#offsets = offsets;
    this.#at = new Int32Array(rows);
    this.#aim = new Int32Array(rows).fill(FIRST_LIST);
    this.#free = Int32Array.from({ length: columns }, (_, j) => j);
    this.#place = this.#free.slice();
    this.#freeCount = columns;
    this.#keys = new Float64Array(columns);
    this.#sample = new Float64Array(columns);
    this.#kept = new Int32Array(columns);
    for (let i = 0; i < rows; i++) this.#lists.push(this.#collect(i));
  }

  /** The centred cost of the row's cheapest free column; Infinity when it has none. */
  next(row: number): number {
    for (;;) {
      const list = this.#lists[row]!;
      let at = this.#at[row]!;
      while (at < list.length && this.#place[list[at]!]! >= this.#freeCount) at++;
      this.#at[row] = at;
      if (at < list.length) return this.#key(row, list[at]!);
      if (list.length === 0 || this.#freeCount === 0) return Infinity;
      this.#aim[row] = 2 * this.#aim[row]!;
      this.#at[row] = 0;
      this.#lists[row] = this.#collect(row);
    }
  }

  /** Takes that column out of all lists. */
  take(row: number): number {
    const column = this.#lists[row]![this.#at[row]!]!;
    const last = this.#free[--this.#freeCount]!;
    const place = this.#place[column]!;
    this.#free[place] = last;
    this.#place[last] = place;
    this.#free[this.#freeCount] = column;
    this.#place[column] = this.#freeCount;
    return column;
  }

  #key(row: number, column: number): number {
    const { cost, columns } = this.#problem;
    return cost[row * columns + column]! - this.#offsets.u[row]! - this.#offsets.v[column]!;
  }

  /** About as many free columns as aimed, the cheapest in order; none only where none is allowed. */
  #collect(row: number): Int32Array {
    const { cost, columns } = this.#problem;
    const v = this.#offsets.v;
    const u = this.#offsets.u[row]!;
    const o = row * columns;
    const free = this.#free;
    const keys = this.#keys;
    const kept = this.#kept;
    const freeCount = this.#freeCount;
    const limit = this.#limit(row, this.#aim[row]!);
    let count = 0;
    for (let f = 0; f < freeCount; f++) {
      const j = free[f]!;
      const key = cost[o + j]! - u - v[j]!;
      if (key <= limit) {
        keys[j] = key;
        kept[count++] = j;
      }
    }
    return kept.slice(0, count).sort((a, b) => keys[a]! - keys[b]! || a - b);
  }

  /** A finite limit that about `aim` of the row's keys are below, and one of them at least if any is allowed. */
  #limit(row: number, aim: number): number {
    if (this.#freeCount <= 2 * aim) return Number.MAX_VALUE;
    const sample = this.#sample;
    let sampled = 0;
    let seen = 0;
    for (let f = row % SAMPLE_STRIDE; f < this.#freeCount; f += SAMPLE_STRIDE) {
      const key = this.#key(row, this.#free[f]!);
      seen++;
      if (key < Infinity) sample[sampled++] = key;
    }
    const rank = Math.round((aim * seen) / this.#freeCount);
    return rank < sampled ? select(sample, sampled, rank) : Number.MAX_VALUE;
  }
}
