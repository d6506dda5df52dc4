/**
 * The Fréchet distance between two Gaussians (Dowson & Landau 1982), the mathematics of FID (Heusel et al. 2017, eq. 6):
 *
 *   d² = |μ_1 − μ_2|² + Tr(Σ_1 + Σ_2 − 2·(Σ_1·Σ_2)^½)
 *
 * With any factors F_1, F_2 of the covariances (FᵀF = Σ), Tr (Σ_1·Σ_2)^½ is the sum of the singular values of F_1·F_2ᵀ: the
 * product of covariances, whose small eigenvalues are lost to rounding, is never formed, no imaginary parts arise, and N < d samples
 * need only an N × N matrix.
 */
import { MetricArgumentError, MetricNumericError } from './errors.ts';
import { checkPair, type FeatureMatrix } from './feature-matrix.ts';
import { matrix, squaredNorm, window, type Matrix } from './linalg/matrix.ts';
import { addProduct } from './linalg/multiply.ts';
import { singularValues } from './linalg/singular-values.ts';
import { Moments } from './moments.ts';

/**
 * Fréchet distance of two sets from their features. The factors come from QR of the centred features, so covariances may be
 * singular: MNIST's pixels, rank 712 and 661 of 784, agree with SciPy's QR to 12 digits.
 *
 * @param a [N, d], N ≥ 2
 * @param b [M, d], M ≥ 2
 * @returns d² ≥ 0, in squared units of the features (what is reported as "FID" for one certain network)
 * @throws MetricArgumentError on different dimensions, too few samples, or numbers that are not finite
 */
export function frechetFromFeatures(a: FeatureMatrix, b: FeatureMatrix): number {
  checkPair(a, b, 2);
  const moments = [a, b].map(({ data, dimension }) => new Moments(dimension, 'factor').add(data));
  return frechetFromMoments(moments[0]!, moments[1]!);
}

/**
 * Fréchet distance of two sets from their moments.
 *
 * Precision: with `keep: 'factor'`, that of `frechetFromFeatures`. With `keep: 'scatter'` the factor stops where a residual
 * variance falls below d·2e-16 of the largest, so what lies below is taken as 0; on singular covariances this too agrees to 12
 * digits, where square roots of eigenvalues keep 9.
 *
 * @returns d² ≥ 0
 * @throws MetricArgumentError on different dimensions or fewer than 2 samples; MetricNumericError if the result is negative by more
 *   than rounding
 */
export function frechetFromMoments(a: Moments, b: Moments): number {
  if (a.dimension !== b.dimension) {
    throw new MetricArgumentError(
      `frechet: wanted both moments in one dimension, got ${a.dimension} and ${b.dimension}; ` +
        'features of different networks cannot be compared',
    );
  }
  const [f1, f2] = [a.factor(), b.factor()];
  const [mu1, mu2] = [a.mean(), b.mean()];
  const means = mu1.reduce((sum, value, j) => sum + (value - mu2[j]!) ** 2, 0);
  const traces = squaredNorm(f1) / (a.count - 1) + squaredNorm(f2) / (b.count - 1);
  const root = nuclearNormOfProduct(f1, f2) / Math.sqrt((a.count - 1) * (b.count - 1));
  const distance = means + traces - 2 * root;
  if (!(distance >= -1e-9 * (means + traces))) {
    throw new MetricNumericError(
      `frechet: wanted a distance from 0, got ${distance} from means ${means}, traces ${traces} and root ${root}`,
    );
  }
  return Math.max(distance, 0); // the difference of equal sets rounds to ±1e-16 of the traces
}

/** Sum of the singular values of f1·f2ᵀ. @param f1 [r1, d] @param f2 [r2, d] */
function nuclearNormOfProduct(f1: Matrix, f2: Matrix): number {
  const product = matrix(f1.rows, f2.rows);
  const block = 64;
  for (let i = 0; i < f1.rows; i += block) {
    const rows = Math.min(block, f1.rows - i);
    const skip = leadingZeros(f1, i, rows);
    for (let j = 0; j < f2.rows; j += block) {
      const columns = Math.min(block, f2.rows - j);
      const from = Math.max(skip, leadingZeros(f2, j, columns));
      addProduct(
        1,
        window(f1, i, from, rows, f1.columns - from),
        window(f2, j, from, columns, f2.columns - from),
        window(product, i, j, rows, columns),
      );
    }
  }
  return singularValues(product).reduce((sum, value) => sum + value, 0);
}

/** Columns at the left that are zero in all of the rows: what a triangular factor lets a product skip. */
function leadingZeros(f: Matrix, row: number, rows: number): number {
  for (let j = 0; j < f.columns; j++) {
    for (let i = row; i < row + rows; i++) if (f.data[f.offset + i * f.stride + j] !== 0) return j;
  }
  return f.columns;
}
