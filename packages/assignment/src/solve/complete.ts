/**
 * What becomes of rows that have no column when the time is up: the cheapest pairs of free rows and free columns first
 * (greedy.ts, on the costs less the duals found so far), and where forbidden pairs leave a row without one, the others
 * move up.
 */
import { infeasible } from './augment.ts';
import { greedyMatching } from './greedy.ts';
import { type Matching, type Problem } from './problem.ts';

/**
 * Gives every row a column. The duals stay as they are.
 *
 * @param matching changed in place
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export function complete(problem: Problem, matching: Matching): void {
  const { x, y } = matching;
  const rows = positionsOf(x);
  if (rows.length === 0) return;
  const columns = positionsOf(y);
  const pairs = cheapestFirst(problem, matching, rows, columns);
  rows.forEach((row, r) => {
    const c = pairs[r]!;
    if (c < 0) return;
    x[row] = columns[c]!;
    y[columns[c]!] = row;
  });
  for (const row of rows) if (x[row]! < 0) moveUp(problem, matching, row);
}

function positionsOf(partners: Int32Array): Int32Array {
  const free = new Int32Array(partners.length);
  let count = 0;
  for (let i = 0; i < partners.length; i++) if (partners[i]! < 0) free[count++] = i;
  return free.slice(0, count);
}

/** [rows] For each of the free rows one of the free columns, by position; -1 where none is allowed. */
function cheapestFirst(
  { cost, columns: stride }: Problem,
  { v }: Matching,
  rows: Int32Array,
  columns: Int32Array,
): Int32Array {
  const reduced = new Float32Array(rows.length * columns.length);
  const u = new Float64Array(rows.length);
  for (let r = 0, at = 0; r < rows.length; r++) {
    const o = rows[r]! * stride;
    let sum = 0;
    let count = 0;
    for (let c = 0; c < columns.length; c++, at++) {
      const j = columns[c]!;
      const value = cost[o + j]! - v[j]!;
      reduced[at] = value;
      if (value === Infinity) continue;
      sum += value;
      count++;
    }
    u[r] = count > 0 ? sum / count : 0;
  }
  const rest: Problem = {
    cost: reduced,
    rows: rows.length,
    columns: columns.length,
    forbidden: false, // rows without an allowed column are dealt with by the caller
    outOfTime: () => false,
  };
  return greedyMatching(rest, { u, v: new Float64Array(columns.length) }).x;
}

/** Gives `row` a column along a shortest chain of rows that can each take the next one's (breadth first). */
function moveUp({ cost, rows, columns }: Problem, { x, y }: Matching, row: number): void {
  const previous = new Int32Array(columns).fill(-1); // the row from which a column was reached
  const queue = Int32Array.from({ length: rows }, () => row);
  let queued = 1;
  for (let next = 0; next < queued; next++) {
    const i = queue[next]!;
    for (let j = 0; j < columns; j++) {
      if (previous[j]! >= 0 || cost[i * columns + j] === Infinity) continue;
      previous[j] = i;
      if (y[j]! >= 0) {
        queue[queued++] = y[j]!;
        continue;
      }
      for (let at = j; at >= 0;) {
        const owner = previous[at]!;
        const given = owner === row ? -1 : x[owner]!;
        x[owner] = at;
        y[at] = owner;
        at = given;
      }
      return;
    }
  }
  throw infeasible(row, queued - 1);
}
