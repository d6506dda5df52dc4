/**
 * The sliced Wasserstein distance (Rabin et al. 2011; Bonneel et al., "Sliced and Radon Wasserstein Barycenters of
 * Measures", 2015): both sets are projected onto random directions θ of the unit sphere, where optimal transport is sorting.
 *
 *   SW² = E_θ [ ∫₀¹ (F_θa⁻¹(q) − F_θb⁻¹(q))² dq ]
 *
 * It sees whole distributions, not two moments, wants no network, and its seed fixes the directions: two sets are compared
 * along the very lines that two others were.
 */
import { type Seed, streamNormal } from '@immiscible/random';
import { MetricArgumentError } from './errors.ts';
import { checkPair, type FeatureMatrix } from './feature-matrix.ts';

export interface SlicedWassersteinOptions {
  /** directions; default 128 */
  readonly projections?: number;
  /** of the directions; default 0 */
  readonly seed?: Seed;
}

/**
 * The sliced Wasserstein-2 distance of two sets, in the units of the features; for a shift by s, |s|/√d on average.
 *
 * @param a [N, d]
 * @param b [M, d]; N and M may differ
 * @throws MetricArgumentError for sets of different dimensions, empty ones, numbers that are not finite, and no projections
 */
export function slicedWasserstein(
  a: FeatureMatrix,
  b: FeatureMatrix,
  { projections = 128, seed = 0 }: SlicedWassersteinOptions = {},
): number {
  checkPair(a, b, 1);
  if (!Number.isInteger(projections) || projections < 1) {
    throw new MetricArgumentError(
      `slicedWasserstein: wanted a whole number of projections from 1, got ${projections}`,
    );
  }
  let sum = 0;
  for (let i = 0; i < projections; i++) {
    const theta = direction(seed, i, a.dimension);
    sum += squaredDistanceOfSorted(project(a, theta).sort(), project(b, theta).sort());
  }
  return Math.sqrt(sum / projections);
}

/** The i-th direction: a normal vector, made as long as 1. */
function direction(seed: Seed, i: number, dimension: number): Float64Array {
  const theta = Float64Array.from(streamNormal(seed, i, new Float32Array(dimension)));
  const length = Math.hypot(...theta);
  return theta.map((value) => value / length);
}

function project({ data, dimension }: FeatureMatrix, theta: Float64Array): Float64Array {
  const out = new Float64Array(data.length / dimension);
  for (let i = 0; i < out.length; i++) {
    const at = i * dimension;
    let sum = 0;
    for (let k = 0; k < dimension; k++) sum += data[at + k]! * theta[k]!;
    out[i] = sum;
  }
  return out;
}

/** ∫ (F⁻¹ − G⁻¹)² dq of the step functions that sorted samples are: x_i is worth 1/N of q, y_j is worth 1/M. */
function squaredDistanceOfSorted(x: Float64Array, y: Float64Array): number {
  const [n, m] = [x.length, y.length];
  let sum = 0;
  // q in units of 1/(N·M), so that where steps meet is exact.
  for (let i = 0, j = 0, q = 0; i < n && j < m;) {
    const [endOfX, endOfY] = [(i + 1) * m, (j + 1) * n];
    const end = Math.min(endOfX, endOfY);
    sum += (end - q) * (x[i]! - y[j]!) ** 2;
    q = end;
    if (endOfX === end) i++;
    if (endOfY === end) j++;
  }
  return sum / (n * m);
}
