/**
 * The augmentation of Jonker and Volgenant: Dijkstra's shortest alternating path from one free row over dense reduced
 * costs, one fused pass a scanned row (relax and find the next minimum together).
 *
 * Both exact solvers end here: jonker-volgenant.ts for the rows its reductions leave free, sparse-core.ts when its
 * core has grown so wide that lists cost more than the matrix.
 */
import { AssignmentError } from '../errors.ts';
import { type Matching, type Problem } from './problem.ts';

/** Working arrays of {@link augmentRow}, made once a solve. */
export interface AugmentScratch {
  readonly distance: Float64Array; // [columns]
  readonly previous: Int32Array; // [columns], the row from which a column was reached
  readonly columns: Int32Array; // [columns], scanned columns first, the rest behind
}

export function augmentScratch(columns: number): AugmentScratch {
  return {
    distance: new Float64Array(columns),
    previous: new Int32Array(columns),
    columns: new Int32Array(columns),
  };
}

/**
 * Pairs `free` with a column along a shortest alternating path and updates `v`; pairs elsewhere may be rearranged,
 * and every row that was paired stays paired.
 *
 * @param matching changed in place; its duals must be feasible on the dense matrix
 * @throws AssignmentError `infeasible` when no column can be reached through allowed pairs
 */
export function augmentRow(
  problem: Problem,
  matching: Matching,
  free: number,
  scratch: AugmentScratch,
): void {
  const { cost, columns: n } = problem;
  const { x, y, v } = matching;
  const { distance: d, previous, columns: list } = scratch;

  let minimum = Infinity;
  let at = -1; // position in `list` of the column at the minimum; among equals one without a row is preferred
  for (let j = 0, o = free * n; j < n; j++, o++) {
    const reduced = cost[o]! - v[j]!;
    d[j] = reduced;
    previous[j] = free;
    list[j] = j;
    if (reduced < minimum || (reduced === minimum && y[j]! < 0)) {
      minimum = reduced;
      at = j;
    }
  }
  let scanned = 0;
  let end = -1;
  for (;;) {
    if (minimum === Infinity) throw infeasible(free, scanned);
    const j1 = list[at]!;
    list[at] = list[scanned]!;
    list[scanned++] = j1;
    const i = y[j1]!;
    if (i < 0) {
      end = j1;
      break;
    }
    const o = i * n;
    const base = minimum - (cost[o + j1]! - v[j1]!);
    minimum = Infinity;
    at = -1;
    for (let k = scanned; k < n; k++) {
      const j = list[k]!;
      let dj = d[j]!;
      const through = cost[o + j]! - v[j]! + base;
      if (through < dj) {
        d[j] = dj = through;
        previous[j] = i;
      }
      if (dj < minimum || (dj === minimum && y[j]! < 0)) {
        minimum = dj;
        at = k;
      }
    }
  }
  const length = d[end]!;
  for (let k = 0; k < scanned - 1; k++) {
    const j = list[k]!;
    const change = d[j]! - length;
    if (change < 0) v[j] = v[j]! + change;
  }
  flip(x, y, previous, free, end);
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
