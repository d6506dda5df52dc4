/**
 * The auction algorithm with ε-scaling: rows without a column bid for the one they like best, and the price rises by
 * what the second best is worse, plus ε (Bertsekas, "Auction algorithms for network flow problems: a tutorial
 * introduction", Computational Optimization and Applications 1, 1992, sections 2 and 4).
 *
 * A pairing after the phase with ε costs at most n·ε more than the best. To prove the optimum itself, what remains is
 * finished exactly: rows whose pair is not their cheapest by the final prices give it up and are paired along shortest
 * paths. When the time runs out first, the answer comes with its bound.
 *
 * Prices are -v. Fewer rows than columns: rows that cost nothing anywhere are added (not stored), so that a column that
 * is left over has one of them, which keeps its price where the certificate wants it.
 */
import { flip, infeasible } from './augment.ts';
import { centredOffsets, centredSpread } from './centre.ts';
import { emptyMatching, type Costs, type Matching, type Problem } from './problem.ts';

/** ε begins at the spread of the centred costs and falls by this factor … */
const SCALING = 8;
/** … this many times: from then on finishing is cheaper than bidding. */
const PHASES = 4;
/** Bids in one phase, per row: against prices that rounding holds in place, and problems without an answer. */
const BIDS_PER_ROW = 200;
/** Bids per row in a last phase without ε, which makes pairs tight that the phases left within ε. */
const LAST_BIDS_PER_ROW = 4;
/** Bids between two looks at the clock. */
const BIDS_PER_LOOK = 32;

/**
 * An optimal matching with its column duals; where the time did not last, what there is.
 *
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export function auction(problem: Problem): Matching {
  const { rows, columns } = problem;
  const offsets = centredOffsets(problem);
  const spread = centredSpread(problem, offsets);
  const market = new Market(problem);
  // Powers of two, and prices that are multiples of the last: where costs are such too, nothing is ever rounded.
  const first = 2 ** Math.floor(Math.log2(spread));
  const last = first * SCALING ** -PHASES;
  if (last > 0 && spread < Infinity) {
    if (rows === columns) market.v.set(offsets.v.map((mean) => Math.round(mean / last) * last));
    for (let epsilon = first; epsilon >= last; epsilon /= SCALING) {
      if (!market.run(epsilon, first, BIDS_PER_ROW)) break;
    }
    market.run(0, first, LAST_BIDS_PER_ROW);
  }
  market.finish();
  return market.matching();
}

/** Rows, added ones included, that bid for columns: always as many as columns. */
class Market {
  readonly v: Float64Array; // [columns]
  readonly #problem: Problem;
  readonly #size: number;
  readonly #costs: Costs[]; // [columns] each row's costs; those of the added rows are one array of zeros
  readonly #x: Int32Array; // [columns]
  readonly #y: Int32Array; // [columns]
  readonly #free: Int32Array; // a stack
  #freeCount = 0;

  constructor(problem: Problem) {
    const { cost, rows, columns } = problem;
    const { x, y, v } = emptyMatching(columns, columns);
    this.v = v;
    this.#problem = problem;
    this.#size = columns;
    this.#x = x;
    this.#y = y;
    this.#free = new Int32Array(columns);
    const nothing = cost instanceof Float32Array ? new Float32Array(columns) : new Float64Array(columns);
    this.#costs = Array.from({ length: columns }, (_, i) =>
      i < rows ? cost.subarray(i * columns, (i + 1) * columns) : nothing,
    );
  }

  /**
   * One phase: bids until every row has a column within ε of its cheapest.
   *
   * @param most what a bid raises a price by at most, ε aside: a row with one allowed column has no second best
   * @param bidsPerRow how many bids it may take
   * @returns whether it came to that before bids or time ran out
   */
  run(epsilon: number, most: number, bidsPerRow: number): boolean {
    const { v } = this;
    const n = this.#size;
    const x = this.#x;
    const y = this.#y;
    this.#release(epsilon);
    for (let bids = 1, limit = bidsPerRow * n; this.#freeCount > 0; bids++) {
      if (bids > limit || (bids % BIDS_PER_LOOK === 0 && this.#problem.outOfTime())) return false;
      const i = this.#free[--this.#freeCount]!;
      const cost = this.#costs[i]!;
      let u1 = Infinity;
      let u2 = Infinity;
      let j1 = -1;
      for (let j = 0; j < n; j++) {
        const reduced = cost[j]! - v[j]!;
        if (reduced < u2) {
          if (reduced < u1) {
            u2 = u1;
            u1 = reduced;
            j1 = j;
          } else {
            u2 = reduced;
          }
        }
      }
      if (j1 < 0) throw infeasible(i, 0);
      v[j1] = v[j1]! - Math.min(u2 - u1, most) - epsilon;
      const displaced = y[j1]!;
      if (displaced >= 0) {
        x[displaced] = -1;
        this.#free[this.#freeCount++] = displaced;
      }
      x[i] = j1;
      y[j1] = i;
    }
    return true;
  }

  /** Pairs every row with its cheapest column by the prices, which shortest paths change as little as that takes. */
  finish(): void {
    if (this.#problem.outOfTime()) return;
    this.#release(0);
    const n = this.#size;
    const scratch = {
      distance: new Float64Array(n),
      previous: new Int32Array(n),
      columns: new Int32Array(n),
    };
    while (this.#freeCount > 0 && !this.#problem.outOfTime()) {
      this.#augment(this.#free[--this.#freeCount]!, scratch);
    }
  }

  /** The pairs of the problem's own rows. */
  matching(): Matching {
    const { rows, columns } = this.#problem;
    const v = this.v;
    const y = this.#y.map((row) => (row < rows ? row : -1));
    // Duals are free up to a constant as long as every column has a row; what the added ones hold ends at 0.
    if (rows < columns) {
      const highest = v.reduce((most, price) => Math.max(most, price), -Infinity);
      for (let j = 0; j < columns; j++) v[j] = v[j]! - highest;
    }
    return { x: this.#x.slice(0, rows), y, v };
  }

  /** Takes its column from every row that has one cheaper by more than `slack`, and lists the rows without. */
  #release(slack: number): void {
    const { v } = this;
    const n = this.#size;
    const x = this.#x;
    this.#freeCount = 0;
    for (let i = n - 1; i >= 0; i--) {
      const own = x[i]!;
      if (own >= 0) {
        const cost = this.#costs[i]!;
        let smallest = Infinity;
        for (let j = 0; j < n; j++) {
          const reduced = cost[j]! - v[j]!;
          if (reduced < smallest) smallest = reduced;
        }
        if (cost[own]! - v[own]! <= smallest + slack) continue;
        x[i] = -1;
        this.#y[own] = -1;
      }
      this.#free[this.#freeCount++] = i;
    }
  }

  /** Dijkstra from one row over reduced costs, as augment.ts, with the added rows. */
  #augment(
    free: number,
    scratch: { distance: Float64Array; previous: Int32Array; columns: Int32Array },
  ): void {
    const { v } = this;
    const n = this.#size;
    const y = this.#y;
    const { distance: d, previous, columns: list } = scratch;
    for (let j = 0; j < n; j++) list[j] = j;
    d.fill(Infinity);
    let scanned = 0;
    let row = free;
    let base = 0;
    for (;;) {
      const cost = this.#costs[row]!;
      let minimum = Infinity;
      let at = -1;
      for (let k = scanned; k < n; k++) {
        const j = list[k]!;
        let dj = d[j]!;
        const through = cost[j]! - v[j]! + base;
        if (through < dj) {
          d[j] = dj = through;
          previous[j] = row;
        }
        if (dj < minimum || (dj === minimum && y[j]! < 0)) {
          minimum = dj;
          at = k;
        }
      }
      if (minimum === Infinity) throw infeasible(free, scanned);
      const j1 = list[at]!;
      list[at] = list[scanned]!;
      list[scanned++] = j1;
      row = y[j1]!;
      if (row < 0) break;
      base = minimum - (this.#costs[row]![j1]! - v[j1]!);
    }
    const end = list[scanned - 1]!;
    const length = d[end]!;
    for (let k = 0; k < scanned - 1; k++) {
      const j = list[k]!;
      const change = d[j]! - length;
      if (change < 0) v[j] = v[j]! + change;
    }
    flip(this.#x, y, previous, free, end);
  }
}
