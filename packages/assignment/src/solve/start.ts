/**
 * Where the column duals start. A good start leaves few rows to fight for a column; which one is good depends on the
 * matrix, and one pass tells (see {@link additiveShare}).
 */
import { forbiddenColumn } from './augment.ts';
import { type Matching, type Problem } from './problem.ts';

/**
 * Column reduction (Jonker & Volgenant): v[j] = the smallest cost of column j, and the row where it stands takes one
 * of its columns. Good where rows and columns are alike (random costs, points in a plane). Square problems only.
 *
 * @param matching empty; changed in place
 * @returns [rows] how many columns have their smallest cost in each row
 */
export function columnReduction(problem: Problem, matching: Matching): Int32Array {
  const { cost, rows: n } = problem;
  const { x, y, v } = matching;
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
  const claims = new Int32Array(n);
  for (let j = n - 1; j >= 0; j--) {
    if (v[j] === Infinity) {
      throw forbiddenColumn(j);
    }
    const i = smallest[j]!;
    if (claims[i]!++ === 0) {
      x[i] = j;
      y[j] = i;
    }
  }
  return claims;
}

/**
 * Sets v[j] = mean of column j - mean of all: the column duals of the least-squares fit cost ≈ u[i] + v[j]. Good
 * where the rows' and columns' own sizes dominate (distances between images and noise). Finite costs only.
 *
 * @returns the share of the costs' variance that u[i] + v[j] explains, from 0 (none) to 1 (all)
 */
export function centre(problem: Problem, v: Float64Array): number {
  const { cost, rows, columns } = problem;
  v.fill(0);
  // Sums are taken from the first cost on, so that squares of large, nearly equal costs do not cancel.
  const origin = cost[0]!;
  let all = 0;
  let squares = 0;
  let rowSquares = 0;
  for (let i = 0, o = 0; i < rows; i++) {
    let row = 0;
    for (let j = 0; j < columns; j++, o++) {
      const c = cost[o]! - origin;
      row += c;
      squares += c * c;
      v[j] = v[j]! + c;
    }
    all += row;
    rowSquares += row * row;
  }
  const mean = all / (rows * columns);
  let columnSquares = 0;
  for (let j = 0; j < columns; j++) {
    columnSquares += v[j]! * v[j]!;
    v[j] = v[j]! / rows - mean;
  }
  const centreSquares = mean * all;
  const total = squares - centreSquares;
  const explained = rowSquares / columns + columnSquares / rows - 2 * centreSquares;
  return total > 0 ? explained / total : 0;
}
