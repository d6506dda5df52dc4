/**
 * Dense Jonker–Volgenant: column reduction, reduction transfer, augmenting row reduction (twice), then augmentation.
 * Jonker & Volgenant, Computing 38 (1987), 325–340.
 *
 * Rows fewer than columns: a column that stays over must end with v = 0, which the two reductions would break, so
 * they are skipped and the row reductions start from v = 0.
 */
import { augmentRow, augmentScratch } from './augment.ts';
import { emptyMatching, everyRow, type Matching, type Problem } from './problem.ts';
import { RowReduction } from './row-reduction.ts';
import { columnReduction } from './start.ts';

/**
 * An optimal matching with its column duals.
 *
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export function jonkerVolgenant(problem: Problem): Matching {
  const { rows, columns } = problem;
  const matching = emptyMatching(rows, columns);
  let free =
    rows === columns
      ? transferReduction(problem, matching, columnReduction(problem, matching))
      : everyRow(rows);
  for (let pass = 0; pass < 2 && free.length > 0; pass++) free = reduceRows(problem, matching, free);
  const scratch = augmentScratch(columns);
  for (const row of free) augmentRow(problem, matching, row, scratch);
  return matching;
}

/** Reduction transfer: a row that only one column chose gives its slack to that column. Returns the free rows. */
function transferReduction(problem: Problem, { x, v }: Matching, claims: Int32Array): Int32Array {
  const { cost, rows: n } = problem;
  const free = new Int32Array(n);
  let count = 0;
  for (let i = 0; i < n; i++) {
    if (claims[i] === 0) {
      free[count++] = i;
    } else if (claims[i] === 1) {
      const own = x[i]!;
      let slack = Infinity;
      for (let j = 0, o = i * n; j < n; j++, o++) {
        const reduced = cost[o]! - v[j]!;
        if (reduced < slack && j !== own) slack = reduced;
      }
      if (slack < Infinity) v[own] = v[own]! - slack;
    }
  }
  return free.slice(0, count);
}

/** One row reduction over dense rows; returns the rows that are free afterwards. */
function reduceRows(problem: Problem, matching: Matching, free: Int32Array): Int32Array {
  const { cost, columns: n } = problem;
  const { v } = matching;
  const pass = new RowReduction(matching, free);
  for (let i = pass.next(); i >= 0; i = pass.next()) {
    let u1 = Infinity;
    let u2 = Infinity;
    let j1 = -1;
    let j2 = -1;
    for (let j = 0, o = i * n; j < n; j++, o++) {
      const reduced = cost[o]! - v[j]!;
      if (reduced < u2) {
        if (reduced < u1) {
          u2 = u1;
          j2 = j1;
          u1 = reduced;
          j1 = j;
        } else {
          u2 = reduced;
          j2 = j;
        }
      }
    }
    pass.settle(i, j1, u1, j2, u2);
  }
  return pass.left();
}
