/**
 * QR without Q, a few rows at a time: keeps the triangular R with RᵀR = XᵀX of all rows X seen so far, without ever forming
 * XᵀX, whose small eigenvalues would be lost to rounding.
 *
 * Householder reflections that meet one row of R and all new rows, gathered into blocks in the compact WY form
 * (Schreiber & Van Loan 1989; LAPACK's `tpqrt`): Qᵀ = I − V·Tᵀ·Vᵀ.
 */
import { matrix, transposed, window, type Matrix } from './matrix.ts';
import { addProduct } from './multiply.ts';

const PANEL = 32;

/**
 * R ← the triangular factor of [R; X].
 *
 * @param r [d, d], upper triangular, updated in place
 * @param columns Xᵀ, [d, n]: each row is one feature of the n new samples; overwritten
 */
export function absorbRows(r: Matrix, columns: Matrix): void {
  const d = r.rows;
  const t = matrix(PANEL, PANEL);
  for (let first = 0; first < d; first += PANEL) {
    const width = Math.min(PANEL, d - first);
    reflectPanel(r, columns, first, width, t);
    applyToRest(r, columns, first, width, t);
  }
}

/** Reflections for the columns first … first + width − 1; leaves their vectors in `columns` and T in `t`. */
function reflectPanel(r: Matrix, columns: Matrix, first: number, width: number, t: Matrix): void {
  const X = columns.data;
  const n = columns.columns;
  t.data.fill(0);
  for (let j = 0; j < width; j++) {
    const v = columns.offset + (first + j) * columns.stride;
    const diagonal = r.offset + (first + j) * (r.stride + 1);
    const alpha = r.data[diagonal]!;
    const below = dot(X, v, X, v, n);
    if (below === 0) continue; // nothing to annihilate: the reflection is the identity, and v is zero already
    const length = Math.sqrt(alpha * alpha + below);
    const beta = alpha > 0 ? -length : length;
    const tau = (beta - alpha) / beta;
    const scale = 1 / (alpha - beta);
    for (let i = 0; i < n; i++) X[v + i]! *= scale;
    r.data[diagonal] = beta;
    for (let k = j + 1; k < width; k++) {
      const x = columns.offset + (first + k) * columns.stride;
      const w = tau * (r.data[diagonal + k - j]! + dot(X, v, X, x, n));
      r.data[diagonal + k - j]! -= w;
      for (let i = 0; i < n; i++) X[x + i]! -= w * X[v + i]!;
    }
    // T(:, j) = −τ·T·(Vᵀ·v_j); the unit entries in R's rows are orthogonal to each other.
    for (let k = 0; k < j; k++) {
      const product = -tau * dot(X, columns.offset + (first + k) * columns.stride, X, v, n);
      for (let i = 0; i <= k; i++) t.data[i * PANEL + j]! += t.data[i * PANEL + k]! * product;
    }
    t.data[j * PANEL + j] = tau;
  }
}

/** Applies the panel's reflections to the columns behind it: W = Tᵀ·(R + VᵀX), R −= W, X −= V·W, all transposed. */
function applyToRest(r: Matrix, columns: Matrix, first: number, width: number, t: Matrix): void {
  const from = first + width;
  const rest = r.rows - from;
  if (rest === 0) return;
  const n = columns.columns;
  const vT = window(columns, first, 0, width, n);
  const xT = window(columns, from, 0, rest, n);
  const w = matrix(rest, width);
  for (let k = 0; k < rest; k++) {
    for (let j = 0; j < width; j++) {
      w.data[k * width + j] = r.data[r.offset + (first + j) * r.stride + from + k]!;
    }
  }
  addProduct(1, xT, vT, w);
  // W ← W·T, column by column from the last: T is upper triangular.
  for (let k = 0; k < rest; k++) {
    const row = k * width;
    for (let j = width - 1; j >= 0; j--) {
      let sum = 0;
      for (let i = 0; i <= j; i++) sum += w.data[row + i]! * t.data[i * PANEL + j]!;
      w.data[row + j] = sum;
    }
  }
  for (let k = 0; k < rest; k++) {
    for (let j = 0; j < width; j++) {
      r.data[r.offset + (first + j) * r.stride + from + k]! -= w.data[k * width + j]!;
    }
  }
  addProduct(-1, w, transposed(vT), xT);
}

function dot(x: Float64Array, xAt: number, y: Float64Array, yAt: number, n: number): number {
  let s0 = 0;
  let s1 = 0;
  const even = n - (n % 2);
  for (let i = 0; i < even; i += 2) {
    s0 += x[xAt + i]! * y[yAt + i]!;
    s1 += x[xAt + i + 1]! * y[yAt + i + 1]!;
  }
  return even < n ? s0 + s1 + x[xAt + even]! * y[yAt + even]! : s0 + s1;
}
