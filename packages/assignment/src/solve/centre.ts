/**
 * Centring: what is left of a cost when its row's and column's own sizes are taken off. In image–noise distances those
 * sizes hide which pairs are good: greedy on raw costs keeps 83–87 % of the gain, on centred ones 97–98 %.
 */
import { forbiddenColumn, infeasible } from './augment.ts';
import { type Problem } from './problem.ts';

/** Offsets of rows and columns; the centred cost of a pair is `cost - u - v`. */
export interface Offsets {
  readonly u: Float64Array; // [rows]
  readonly v: Float64Array; // [columns]
}

/**
 * u = row means, v = column means less the mean of all, over allowed pairs.
 *
 * @throws AssignmentError `infeasible` when a row, or a column of a square problem, has no allowed pair
 */
export function centredOffsets({ cost, rows, columns, forbidden }: Problem): Offsets {
  const u = new Float64Array(rows);
  const v = new Float64Array(columns);
  const counts = new Int32Array(columns).fill(forbidden ? 0 : rows);
  let all = 0;
  let allowed = 0;
  for (let i = 0, o = 0; i < rows; i++) {
    let sum = 0;
    let count = columns;
    if (forbidden) {
      count = 0;
      for (let j = 0; j < columns; j++, o++) {
        const c = cost[o]!;
        if (c === Infinity) continue;
        sum += c;
        count++;
        v[j] = v[j]! + c;
        counts[j] = counts[j]! + 1;
      }
    } else {
      for (let j = 0; j < columns; j++, o++) {
        const c = cost[o]!;
        sum += c;
        v[j] = v[j]! + c;
      }
    }
    if (count === 0) throw infeasible(i, 0);
    u[i] = sum / count;
    all += sum;
    allowed += count;
  }
  const mean = all / allowed;
  for (let j = 0; j < columns; j++) {
    if (counts[j] === 0 && rows === columns) throw forbiddenColumn(j);
    v[j] = counts[j]! > 0 ? v[j]! / counts[j]! - mean : 0;
  }
  return { u, v };
}

/** Standard deviation of `cost - u - v` over allowed pairs; 0 where it is rounding. */
export function centredSpread({ cost, rows, columns }: Problem, { u, v }: Offsets): number {
  let squares = 0;
  let count = 0;
  let largest = 0;
  for (let i = 0, o = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, o++) {
      const c = cost[o]!;
      if (c === Infinity) continue;
      const r = c - u[i]! - v[j]!;
      squares += r * r;
      count++;
      if (Math.abs(c) > largest) largest = Math.abs(c);
    }
  }
  const spread = count > 0 ? Math.sqrt(squares / count) : 0;
  return spread > 2 ** -40 * largest ? spread : 0;
}

/**
 * Raises column duals until every column is tight somewhere, which can only raise the bound that they prove: with
 * u[i] = min over j of (cost - v), v[j] = min over i of (cost - u). Two passes over the matrix.
 *
 * @param v square problems: any; fewer rows than columns: not above 0, where it stays. Changed in place
 */
export function tighten({ cost, rows, columns }: Problem, v: Float64Array): void {
  const raised = new Float64Array(columns).fill(rows < columns ? 0 : Infinity);
  for (let i = 0; i < rows; i++) {
    const o = i * columns;
    let u = Infinity;
    for (let j = 0; j < columns; j++) {
      const reduced = cost[o + j]! - v[j]!;
      if (reduced < u) u = reduced;
    }
    for (let j = 0; j < columns; j++) {
      const slack = cost[o + j]! - u;
      if (slack < raised[j]!) raised[j] = slack;
    }
  }
  // Rounding aside raised is never below v; a column that is forbidden to every row has no slack to raise it by.
  for (let j = 0; j < columns; j++) if (raised[j]! > v[j]! && raised[j]! < Infinity) v[j] = raised[j]!;
}
