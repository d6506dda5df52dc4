/**
 * Where the column duals start. A good start leaves few rows to fight for a column; which one is good depends on the
 * matrix, and a few of its rows tell (see {@link centre}). Twin of assembly/_start.ts.
 */
import { type Costs } from '../problem.ts';
import { type State } from './state.ts';

/** Whether every cost is a finite number. */
export function allFinite(cost: Costs): boolean {
  // Anything not finite makes one of four running sums not finite: the common case costs one pass of additions.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let at = 0;
  for (; at + 3 < cost.length; at += 4) {
    s0 += cost[at]!;
    s1 += cost[at + 1]!;
    s2 += cost[at + 2]!;
    s3 += cost[at + 3]!;
  }
  for (; at < cost.length; at++) s0 += cost[at]!;
  return Number.isFinite(s0 + s1 + s2 + s3) || cost.every((c) => Number.isFinite(c));
}

/**
 * Column reduction (Jonker & Volgenant): good where rows and columns are alike (random costs, points in a plane).
 *
 * @returns how many rows have no column; ~j where column j is forbidden to every row
 */
export function columnReduction({ cost, rows: n, x, y, v, claims }: State): number {
  const smallest = new Int32Array(n); // the row of each column's smallest cost
  for (let j = 0; j < n; j++) v[j] = cost[j]!;
  for (let i = 1, o = n; i < n; i++) {
    for (let j = 0; j < n; j++, o++) {
      const c = cost[o]!;
      if (c < v[j]!) {
        v[j] = c;
        smallest[j] = i;
      }
    }
  }
  claims.fill(0);
  let free = n;
  for (let j = n - 1; j >= 0; j--) {
    if (v[j] === Infinity) return ~j;
    const i = smallest[j]!;
    if (claims[i]!++ === 0) {
      x[i] = j;
      y[j] = i;
      free--;
    }
  }
  return free;
}

/**
 * The column duals of the least-squares fit cost ≈ u[i] + v[j], from every `stride`th row. Good where the rows' and
 * columns' own sizes dominate (distances between images and noise). Sums run in four lanes, by column modulo 4.
 *
 * @returns the share of the variance within rows that v explains, from 0 (none) to 1 (all)
 */
export function centre(state: State, stride: number): number {
  const { cost, rows, columns: n, v } = state;
  v.fill(0);
  // Sums are taken from the first cost on, so that squares of large, nearly equal costs do not cancel.
  const origin = cost[0]!;
  const blocks = n - (n % 4);
  const used = Math.ceil(rows / stride);
  const sums = new Float64Array(5);
  const squares = new Float64Array(5);
  let all = 0;
  let within = 0;
  for (let i = 0; i < rows; i += stride) {
    const o = i * n;
    sums.fill(0);
    squares.fill(0);
    for (let j = 0; j < n; j++) {
      const c = cost[o + j]! - origin;
      const lane = j < blocks ? j & 3 : 4;
      sums[lane] = sums[lane]! + c;
      squares[lane] = squares[lane]! + c * c;
      v[j] = v[j]! + c;
    }
    const row = lanes(sums);
    all += row;
    within += lanes(squares) - (row * row) / n;
  }
  const mean = all / (used * n);
  let columnSquares = 0;
  let largest = 0;
  for (let j = 0; j < n; j++) {
    const dual = v[j]! / used - mean;
    columnSquares += dual * dual;
    if (Math.abs(dual) > largest) largest = Math.abs(dual);
    v[j] = dual;
  }
  // Duals of 24 bits, as costs have: then differences of the two are not rounded.
  const grid = largest * 2 ** 29;
  for (let j = 0; j < n; j++) v[j] = v[j]! + grid - grid;
  state.spread = Math.sqrt(Math.max(0, within / (used * n)));
  return within > 0 ? (columnSquares * used) / within : 0;
}

function lanes(sums: Float64Array): number {
  return sums[0]! + sums[1]! + (sums[2]! + sums[3]!) + sums[4]!;
}
