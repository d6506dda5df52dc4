/**
 * Kernel Inception Distance's mathematics: the unbiased estimate of the squared maximum mean discrepancy under a
 * polynomial kernel (Bińkowski et al., "Demystifying MMD GANs", 2018, eq. 4 and section 4; Gretton et al. 2012, eq. 3):
 *
 *   k(x, y) = (x·y/d + 1)³,   MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) − 2·mean_{i,j} k(x_i, y_j)
 *
 * Unbiased, so it may be slightly negative for equal distributions, and it does not shift with the number of samples as the Fréchet
 * distance does.
 */
import { permutation, type Seed } from '@immiscible/random';
import { MetricArgumentError } from './errors.ts';
import { checkPair, selectRows, type FeatureMatrix } from './feature-matrix.ts';
import { matrix, window, type Matrix } from './linalg/matrix.ts';
import { addProduct } from './linalg/multiply.ts';

/**
 * MMD² of all samples at once.
 *
 * @param a [N, d], N ≥ 2
 * @param b [M, d], M ≥ 2
 * @throws MetricArgumentError on different dimensions, too few samples, or numbers that are not finite
 */
export function polynomialMmd(a: FeatureMatrix, b: FeatureMatrix): number {
  const [n, m] = checkPair(a, b, 2);
  const x = matrix(n, a.dimension, Float64Array.from(a.data));
  const y = matrix(m, b.dimension, Float64Array.from(b.data));
  const within = (z: Matrix): number => (symmetricSum(z) - kernelTrace(z)) / (z.rows * (z.rows - 1));
  return within(x) + within(y) - (2 * kernelSum(x, y)) / (n * m);
}

export interface KidOptions {
  /** default 100, as in the peers */
  readonly subsets?: number;
  /** samples of each set in a subset; default 1000, as in the peers, or all if there are fewer */
  readonly subsetSize?: number;
  /** default 0; the same seed draws the same subsets */
  readonly seed?: Seed;
}

/**
 * MMD² averaged over random subsets, as KID is reported.
 *
 * @returns mean and standard deviation (over subsets, dividing by their number, as in the peers)
 * @throws MetricArgumentError as `polynomialMmd`, or if the subsets do not fit
 */
export function kernelDistance(
  a: FeatureMatrix,
  b: FeatureMatrix,
  { subsets = 100, subsetSize, seed = 0 }: KidOptions = {},
): { readonly mean: number; readonly standardDeviation: number } {
  const [n, m] = checkPair(a, b, 2);
  const size = subsetSize ?? Math.min(1000, n, m);
  if (!Number.isInteger(size) || size < 2 || size > Math.min(n, m)) {
    throw new MetricArgumentError(
      `kernelDistance: wanted a subset size from 2 to ${Math.min(n, m)} (the smaller set), got ${size}`,
    );
  }
  if (!Number.isInteger(subsets) || subsets < 1) {
    throw new MetricArgumentError(`kernelDistance: wanted a whole number of subsets from 1, got ${subsets}`);
  }
  const values = Array.from({ length: subsets }, (_, i) =>
    polynomialMmd(
      selectRows(a, permutation(seed, 2 * i, n).subarray(0, size)),
      selectRows(b, permutation(seed, 2 * i + 1, m).subarray(0, size)),
    ),
  );
  const mean = values.reduce((sum, value) => sum + value, 0) / subsets;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / subsets;
  return { mean, standardDeviation: Math.sqrt(variance) };
}

/** Rows whose kernels are computed together: the kernel matrix is never whole. */
const BLOCK = 64;

/** Σ over all pairs of k(x_i, y_j) */
function kernelSum(x: Matrix, y: Matrix): number {
  let total = 0;
  for (let i = 0; i < x.rows; i += BLOCK) {
    const rows = Math.min(BLOCK, x.rows - i);
    const products = matrix(rows, y.rows);
    addProduct(1 / x.columns, window(x, i, 0, rows, x.columns), y, products);
    let sum = 0;
    for (const product of products.data) sum += (product + 1) ** 3;
    total += sum;
  }
  return total;
}

/** Σ over all pairs of k(x_i, x_j): what lies below the blocks on the diagonal, twice, and those. */
function symmetricSum(x: Matrix): number {
  let total = 0;
  for (let i = 0; i < x.rows; i += BLOCK) {
    const block = window(x, i, 0, Math.min(BLOCK, x.rows - i), x.columns);
    total += kernelSum(block, block) + 2 * kernelSum(block, window(x, 0, 0, i, x.columns));
  }
  return total;
}

/** Σ k(x_i, x_i) */
function kernelTrace(x: Matrix): number {
  let total = 0;
  for (let i = 0; i < x.rows; i++) {
    let product = 0;
    for (let at = i * x.stride, end = at + x.columns; at < end; at++) product += x.data[at]! * x.data[at]!;
    total += (product / x.columns + 1) ** 3;
  }
  return total;
}
