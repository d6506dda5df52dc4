/**
 * The augmentation of Jonker and Volgenant: Dijkstra's shortest alternating path from one free row over dense reduced
 * costs, one fused pass a scanned row (relax and find the next minimum together). Twin of assembly/_dense.ts.
 *
 * Both exact solvers end here: jonker-volgenant.ts for the rows its reductions leave free, sparse-core.ts when its
 * core has grown so wide that lists cost more than the matrix.
 */
import { AssignmentError } from '../errors.ts';
import { type Costs, type Matching } from './problem.ts';

/** Working arrays of {@link augmentRow}, made once a solve. */
export interface AugmentScratch {
  readonly distance: Float64Array; // [columns]
  readonly previous: Int32Array; // [columns], the row from which a column was reached
  readonly open: Uint8Array; // [columns], 1 until a column is settled
  readonly settled: Int32Array; // [columns], in the order of their distances
  settledCount: number;
}

export function augmentScratch(columns: number): AugmentScratch {
  return {
    distance: new Float64Array(columns),
    previous: new Int32Array(columns),
    open: new Uint8Array(columns),
    settled: new Int32Array(columns),
    settledCount: 0,
  };
}

/**
 * Pairs `free` with a column along a shortest alternating path and updates `v`; pairs elsewhere may be rearranged,
 * and every row that was paired stays paired. Among the nearest columns a free one is taken, and among those the
 * lowest.
 *
 * @param matching changed in place; its duals must be feasible on the dense matrix
 * @returns false when no free column can be reached through allowed pairs: then nothing has changed
 */
export function augmentRow(
  matching: Matching & { readonly cost: Costs; readonly columns: number },
  free: number,
  scratch: AugmentScratch,
): boolean {
  const { cost, columns: n, x, y, v } = matching;
  const { distance: d, previous, open, settled } = scratch;
  d.fill(Infinity);
  open.fill(1);
  scratch.settledCount = 0;
  let row = free;
  let base = 0;
  for (;;) {
    const o = row * n;
    let minimum = Infinity;
    let at = -1;
    for (let j = 0; j < n; j++) {
      if (open[j] === 0) continue;
      let dj = d[j]!;
      const through = cost[o + j]! - v[j]! + base;
      if (through < dj) {
        d[j] = dj = through;
        previous[j] = row;
      }
      if (dj < minimum || (dj === minimum && at >= 0 && y[j]! < 0 && y[at]! >= 0)) {
        minimum = dj;
        at = j;
      }
    }
    if (at < 0) return false;
    row = y[at]!;
    if (row < 0) {
      for (let k = 0; k < scratch.settledCount; k++) {
        const j = settled[k]!;
        const change = d[j]! - minimum;
        if (change < 0) v[j] = v[j]! + change;
      }
      flip(x, y, previous, free, at);
      return true;
    }
    open[at] = 0;
    settled[scratch.settledCount++] = at;
    base = minimum - (cost[row * n + at]! - v[at]!);
  }
}

/** Swaps pairs along the path that ends in column `end`, back to row `free`. */
export function flip(x: Int32Array, y: Int32Array, previous: Int32Array, free: number, end: number): void {
  for (let j = end; ;) {
    const i = previous[j]!;
    y[j] = i;
    const next = x[i]!;
    x[i] = j;
    if (i === free) return;
    j = next;
  }
}

export function infeasible(row: number, reached: number): AssignmentError {
  return new AssignmentError(
    'infeasible',
    'solveAssignment: no finite assignment: ' +
      (reached === 0
        ? `row ${row} has no column that is allowed; every row needs a finite entry`
        : `row ${row} and the ${reached} rows it competes with have only ${reached} columns between them; ` +
          'allow one of them another pair (fewer Infinity entries)'),
  );
}

/** A column of a square problem without an allowed pair. */
export function forbiddenColumn(column: number): AssignmentError {
  return new AssignmentError(
    'infeasible',
    `solveAssignment: no finite assignment: column ${column} is forbidden (Infinity) to every row; allow it to one`,
  );
}
