/**
 * A factor of a covariance matrix that may be singular: Cholesky with complete pivoting (Higham, "Analysis of the Cholesky
 * Decomposition of a Semi-definite Matrix", 1990; LAPACK's `dpstrf`), which stops at the numerical rank.
 *
 * The columns are not permuted, so the factor is not triangular; for F with FᵀF = S that is all one to us.
 */
import { MetricNumericError } from '../errors.ts';
import { matrix, transposed, window, type Matrix } from './matrix.ts';
import { addProduct } from './multiply.ts';

const PANEL = 48;
const EPSILON = 2 ** -52;

/**
 * F [rank, d] with FᵀF = s, to within d·EPSILON·(largest variance): what is smaller than that in a covariance is rounding, and
 * is left out rather than made into a direction of its own.
 *
 * @param s [d, d], symmetric and positive semidefinite up to rounding; not changed
 * @throws MetricNumericError if s turns out not to be positive semidefinite
 */
export function pivotedCholesky(s: Matrix): Matrix {
  const d = s.rows;
  const factor = matrix(d, d);
  let rank = 0;
  let active = Uint32Array.from({ length: d }, (_, i) => i);
  let rest = s; // what is still to be factored, on the active columns
  let variances = Float64Array.from(active, (i) => s.data[s.offset + i * (s.stride + 1)]!);
  const largest = variances.reduce((a, b) => Math.max(a, b), 0);
  const negligible = d * EPSILON * largest;
  while (active.length > 0) {
    const panel = factorPanel(rest, variances, negligible);
    for (let i = 0; i < panel.rank; i++, rank++) {
      active.forEach(
        (column, j) => (factor.data[rank * d + column] = panel.rows.data[i * active.length + j]!),
      );
    }
    const kept = active.map((_, j) => j).filter((j) => panel.taken[j] === 0);
    if (panel.rank < PANEL) break;
    rest = residual(rest, window(panel.rows, 0, 0, panel.rank, active.length), kept);
    variances = Float64Array.from(kept, (j) => variances[j]!);
    active = active.filter((_, j) => panel.taken[j] === 0);
  }
  const least = variances.reduce((a, b) => Math.min(a, b), 0);
  if (least < -1e-6 * largest) {
    throw new MetricNumericError(
      `covariance: wanted a positive semidefinite matrix, got a residual variance of ${least} beside a largest of ${largest}; ` +
        'check that it is symmetric and was computed in float64',
    );
  }
  return window(factor, 0, 0, rank, d);
}

interface Panel {
  /** [PANEL, active]; `rank` of them are used */
  readonly rows: Matrix;
  readonly rank: number;
  /** 1 for the columns that were pivots */
  readonly taken: Uint8Array;
}

/** Up to PANEL rows of the factor; `variances` becomes the residual diagonal, 0 at the pivots. */
function factorPanel(rest: Matrix, variances: Float64Array, negligible: number): Panel {
  const n = variances.length;
  const rows = matrix(PANEL, n);
  const taken = new Uint8Array(n);
  for (let step = 0; step < PANEL; step++) {
    let pivot = -1;
    let most = negligible;
    for (let j = 0; j < n; j++) {
      if (taken[j] === 0 && variances[j]! > most) most = variances[(pivot = j)]!;
    }
    if (pivot < 0) return { rows, rank: step, taken };
    const root = Math.sqrt(most);
    const row = rows.data.subarray(step * n, (step + 1) * n);
    const from = rest.offset + pivot * rest.stride;
    row.set(rest.data.subarray(from, from + n));
    for (let i = 0; i < step; i++) {
      const weight = rows.data[i * n + pivot]!;
      for (let j = 0, at = i * n; j < n; j++) row[j]! -= weight * rows.data[at + j]!;
    }
    taken[pivot] = 1;
    for (let j = 0; j < n; j++) {
      row[j] = taken[j] === 0 ? row[j]! / root : 0;
      variances[j]! -= row[j]! * row[j]!;
    }
    row[pivot] = root;
    variances[pivot] = 0;
  }
  return { rows, rank: PANEL, taken };
}

/** rest − panelᵀ·panel on the columns that are kept. */
function residual(rest: Matrix, panel: Matrix, kept: Uint32Array): Matrix {
  const n = kept.length;
  const columns = transposed(panel);
  const keptColumns = matrix(n, panel.rows);
  const next = matrix(n, n);
  kept.forEach((from, i) => {
    const at = from * panel.rows;
    keptColumns.data.set(columns.data.subarray(at, at + panel.rows), i * panel.rows);
    const row = rest.offset + from * rest.stride;
    for (let j = 0; j < n; j++) next.data[i * n + j] = rest.data[row + kept[j]!]!;
  });
  addProduct(-1, keptColumns, keptColumns, next);
  return next;
}
