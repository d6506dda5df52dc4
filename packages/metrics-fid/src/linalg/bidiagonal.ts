/**
 * Reduction of a matrix to an upper bidiagonal one with the same singular values: Golub & Kahan (1965), in the blocked form
 * of LAPACK's `dlabrd` (Dongarra, Sorensen & Hammarling 1989).
 *
 * Inside a panel the matrix is not updated. Its true value is A − L·Rᵀ, where each column of A adds the pair (v, y) and
 * each row the pair (x, u) to the columns of L and R; after the panel one product brings A up to date.
 */
import { matrix, window, type Matrix } from './matrix.ts';
import { addProduct } from './multiply.ts';

const PANEL = 24;

/** B = UᵀAV: `diagonal` [n] and `above` [n − 1], the diagonal over it. */
export interface Bidiagonal {
  readonly diagonal: Float64Array;
  readonly above: Float64Array;
}

/** Reduces `a` [m, n], m ≥ n, which is overwritten. */
export function bidiagonalize(a: Matrix): Bidiagonal {
  const { rows: m, columns: n } = a;
  const diagonal = new Float64Array(n);
  const above = new Float64Array(Math.max(n - 1, 0));
  for (let first = 0; first < n; first += PANEL) {
    const width = Math.min(PANEL, n - first);
    const rest = window(a, first, first, m - first, n - first);
    reducePanel(rest, width, diagonal.subarray(first), above.subarray(first));
  }
  return { diagonal, above };
}

function reducePanel(a: Matrix, width: number, diagonal: Float64Array, above: Float64Array): void {
  const { rows: m, columns: n } = a;
  const left = matrix(m, 2 * width);
  const right = matrix(n, 2 * width);
  const column = new Float64Array(m);
  const row = new Float64Array(n);
  for (let i = 0; i < width; i++) {
    // The true column i from row i on, and the reflection v that leaves d_i of it.
    readColumn(a, i, i, column);
    subtractPairs(left, right, i, 2 * i, i, column);
    const v = householder(column, i);
    diagonal[i] = v.value;
    // y = τ·(true A)ᵀ·v = τ·(Aᵀv − R·(Lᵀv))
    row.fill(0);
    addTransposedTimes(a, i, i + 1, column, row);
    subtractLowRank(right, left, 2 * i, i, column, i + 1, row);
    storePair(left, right, 2 * i, i, column, i + 1, row, v.tau);
    if (i + 1 >= n) continue;
    // The true row i from column i + 1 on, and the reflection u that leaves e_i of it.
    for (let j = i + 1; j < n; j++) row[j] = a.data[a.offset + i * a.stride + j]!;
    subtractPairs(right, left, i, 2 * i + 1, i + 1, row);
    const u = householder(row, i + 1);
    above[i] = u.value;
    // x = τ·(true A)·u = τ·(A·u − L·(Rᵀu))
    times(a, i + 1, i + 1, row, column);
    subtractLowRank(left, right, 2 * i + 1, i + 1, row, i + 1, column);
    storePair(right, left, 2 * i + 1, i + 1, row, i + 1, column, u.tau);
  }
  if (width < n) {
    addProduct(
      -1,
      window(left, width, 0, m - width, 2 * width),
      window(right, width, 0, n - width, 2 * width),
      window(a, width, width, m - width, n - width),
    );
  }
}

/** Makes x(from …) the vector v (v_0 = 1) of the reflection I − τ·v·vᵀ that maps x to (value, 0, …). */
function householder(x: Float64Array, from: number): { value: number; tau: number } {
  const alpha = x[from]!;
  let below = 0;
  for (let i = from + 1; i < x.length; i++) below += x[i]! * x[i]!;
  x[from] = 1;
  if (below === 0) return { value: alpha, tau: 0 };
  const length = Math.sqrt(alpha * alpha + below);
  const beta = alpha > 0 ? -length : length;
  const scale = 1 / (alpha - beta);
  for (let i = from + 1; i < x.length; i++) x[i]! *= scale;
  return { value: beta, tau: (beta - alpha) / beta };
}

function readColumn(a: Matrix, from: number, column: number, out: Float64Array): void {
  for (let i = from; i < a.rows; i++) out[i] = a.data[a.offset + i * a.stride + column]!;
}

/** x(from …) −= one(from …, 0 … pairs − 1) · other(index, 0 … pairs − 1)ᵀ */
function subtractPairs(
  one: Matrix,
  other: Matrix,
  index: number,
  pairs: number,
  from: number,
  x: Float64Array,
): void {
  const at = index * other.stride;
  for (let i = from; i < one.rows; i++) {
    let sum = 0;
    for (let p = 0, k = i * one.stride; p < pairs; p++) sum += one.data[k + p]! * other.data[at + p]!;
    x[i]! -= sum;
  }
}

/** y(yFrom …) −= one(:, 0 … pairs − 1) · (other(:, 0 … pairs − 1)ᵀ · x(xFrom …)) */
function subtractLowRank(
  one: Matrix,
  other: Matrix,
  pairs: number,
  xFrom: number,
  x: Float64Array,
  yFrom: number,
  y: Float64Array,
): void {
  const inner = new Float64Array(pairs);
  for (let i = xFrom; i < other.rows; i++) {
    const value = x[i]!;
    for (let p = 0, k = i * other.stride; p < pairs; p++) inner[p]! += value * other.data[k + p]!;
  }
  for (let i = yFrom; i < one.rows; i++) {
    let sum = 0;
    for (let p = 0, k = i * one.stride; p < pairs; p++) sum += one.data[k + p]! * inner[p]!;
    y[i]! -= sum;
  }
}

/** Column `pair` of `one` ← x(xFrom …), of `other` ← scale · y(yFrom …); the rest of both columns stays 0. */
function storePair(
  one: Matrix,
  other: Matrix,
  pair: number,
  xFrom: number,
  x: Float64Array,
  yFrom: number,
  y: Float64Array,
  scale: number,
): void {
  for (let i = xFrom; i < one.rows; i++) one.data[i * one.stride + pair] = x[i]!;
  for (let i = yFrom; i < other.rows; i++) other.data[i * other.stride + pair] = scale * y[i]!;
}

/** y(column …) += a(row …, column …)ᵀ · x(row …), four rows at a time so that y is read and written once for four */
function addTransposedTimes(a: Matrix, row: number, column: number, x: Float64Array, y: Float64Array): void {
  const A = a.data;
  let i = row;
  for (; i + 3 < a.rows; i += 4) {
    const x0 = x[i]!;
    const x1 = x[i + 1]!;
    const x2 = x[i + 2]!;
    const x3 = x[i + 3]!;
    const r0 = a.offset + i * a.stride;
    const r1 = r0 + a.stride;
    const r2 = r1 + a.stride;
    const r3 = r2 + a.stride;
    for (let j = column; j < a.columns; j++) {
      y[j]! += x0 * A[r0 + j]! + x1 * A[r1 + j]! + x2 * A[r2 + j]! + x3 * A[r3 + j]!;
    }
  }
  for (; i < a.rows; i++) {
    const at = a.offset + i * a.stride;
    for (let j = column; j < a.columns; j++) y[j]! += x[i]! * A[at + j]!;
  }
}

/** y(row …) = a(row …, column …) · x(column …), four rows at a time so that x is read once for four */
function times(a: Matrix, row: number, column: number, x: Float64Array, y: Float64Array): void {
  const A = a.data;
  let i = row;
  for (; i + 3 < a.rows; i += 4) {
    const r0 = a.offset + i * a.stride;
    const r1 = r0 + a.stride;
    const r2 = r1 + a.stride;
    const r3 = r2 + a.stride;
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (let j = column; j < a.columns; j++) {
      const value = x[j]!;
      s0 += value * A[r0 + j]!;
      s1 += value * A[r1 + j]!;
      s2 += value * A[r2 + j]!;
      s3 += value * A[r3 + j]!;
    }
    y[i] = s0;
    y[i + 1] = s1;
    y[i + 2] = s2;
    y[i + 3] = s3;
  }
  for (; i < a.rows; i++) {
    const at = a.offset + i * a.stride;
    let sum = 0;
    for (let j = column; j < a.columns; j++) sum += x[j]! * A[at + j]!;
    y[i] = sum;
  }
}
