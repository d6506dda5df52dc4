/**
 * Exact assignment through a sparse core (core-lists.ts): reduce rows and augment over short lists, and widen a row
 * only where something above its bound could matter.
 *
 * Image–noise distances are the case it is made for: after centring, a row's optimal partner is among its few best
 * columns. The duals are feasible on the dense matrix throughout, so nothing has to be priced out afterwards, and a
 * core that grows too wide hands over to the dense augmentation as it stands.
 */
import { augmentRow, augmentScratch } from './augment.ts';
import { CoreLists } from './core-lists.ts';
import { CorePath } from './core-path.ts';
import { jonkerVolgenant } from './jonker-volgenant.ts';
import { emptyMatching, everyRow, type Matching, type Problem } from './problem.ts';
import { RowReduction } from './row-reduction.ts';
import { centre, columnReduction } from './start.ts';

/** Row reductions before augmentation. */
const REDUCTION_PASSES = 2;
/** The share of the matrix in lists from which dense rows are cheaper. */
const WIDEST_CORE = 0.25;
/** From this additive share of the variance on, centred duals are the better start. */
const ADDITIVE = 0.25;

/**
 * An optimal matching with its column duals.
 *
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export function sparseCore(problem: Problem): Matching {
  const { rows, columns } = problem;
  const matching = emptyMatching(rows, columns);
  const widest = WIDEST_CORE * rows * columns;
  let claims: Int32Array | undefined;
  // Rows fewer than columns: a column that stays over must end with v = 0, so v starts there.
  if (rows === columns) {
    const additive = !problem.forbidden && centre(problem, matching.v) >= ADDITIVE;
    if (!additive) claims = columnReduction(problem, matching);
  }
  const lists = new CoreLists(problem, matching.v, claims === undefined && rows === columns);
  if (lists.live > widest) return jonkerVolgenant(problem);
  let free = claims === undefined ? everyRow(rows) : transferReduction(lists, matching, claims);
  for (let pass = 0; pass < REDUCTION_PASSES && free.length > 0; pass++) {
    free = reduceRows(lists, matching, free);
  }
  let next = 0;
  const path = new CorePath(problem, matching, lists);
  while (next < free.length && lists.live <= widest) path.augment(free[next++]!);
  if (next < free.length) {
    const scratch = augmentScratch(columns);
    while (next < free.length) augmentRow(problem, matching, free[next++]!, scratch);
  }
  return matching;
}

/** Reduction transfer: a row that only one column chose gives its slack to that column. Returns the free rows. */
function transferReduction(lists: CoreLists, { x, v }: Matching, claims: Int32Array): Int32Array {
  const { index, value, start, end, bound } = lists;
  const free = new Int32Array(claims.length);
  let count = 0;
  for (let i = 0; i < claims.length; i++) {
    if (claims[i] === 0) {
      free[count++] = i;
    } else if (claims[i] === 1) {
      const own = x[i]!;
      let slack = bound[i]!;
      for (let e = start[i]!; e < end[i]!; e++) {
        const j = index[e]!;
        const reduced = value[e]! - v[j]!;
        if (reduced < slack && j !== own) slack = reduced;
      }
      if (slack > 0 && slack < Infinity) v[own] = v[own]! - slack;
    }
  }
  return free.slice(0, count);
}

/** One row reduction over lists; returns the rows that are free afterwards. */
function reduceRows(lists: CoreLists, matching: Matching, free: Int32Array): Int32Array {
  const { v } = matching;
  const { start, end, bound } = lists;
  const pass = new RowReduction(matching, free);
  for (let i = pass.next(); i >= 0; i = pass.next()) {
    for (;;) {
      let u1 = Infinity;
      let u2 = Infinity;
      let j1 = -1;
      let j2 = -1;
      const { index, value } = lists;
      for (let e = start[i]!, last = end[i]!; e < last; e++) {
        const j = index[e]!;
        const reduced = value[e]! - v[j]!;
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
      if (u2 <= bound[i]!) {
        pass.settle(i, j1, u1, j2, u2);
        break;
      }
      lists.widen(i);
    }
  }
  return pass.left();
}
