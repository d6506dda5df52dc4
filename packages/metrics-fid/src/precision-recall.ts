/**
 * How much of what was generated looks real (precision, density) and how much of the real is generated (recall, coverage).
 *
 * Precision and recall: Kynkäänniemi et al., "Improved Precision and Recall Metric for Assessing Generative Models" (2019),
 * eq. 1 and 2; their k is 3. Density and coverage: Naeem et al., "Reliable Fidelity and Diversity Metrics" (2020), eq. 3 and 5;
 * their k is 5. Each sample has a ball that reaches to its k-th nearest neighbour in its own set; a set's manifold is the union of
 * its balls.
 */
import { eachDistanceRow } from './distances.ts';
import { MetricArgumentError } from './errors.ts';
import { checkPair, type FeatureMatrix } from './feature-matrix.ts';

export interface PrecisionRecall {
  /** share of generated samples in the real manifold, 0 to 1 */
  readonly precision: number;
  /** share of real samples in the generated manifold, 0 to 1 */
  readonly recall: number;
  /** real balls around a generated sample, over k; 1 is expected for equal distributions, and it may be more */
  readonly density: number;
  /** share of real balls that hold a generated sample, 0 to 1 */
  readonly coverage: number;
}

/**
 * @param real [N, d]
 * @param generated [M, d]; choose M = N: all four depend on the sizes
 * @param k nearest neighbours, from 1 to below both sizes; default 3
 * @returns the four numbers; balls include their border, as in torch-fidelity (peers that exclude it differ on exact ties only)
 * @throws MetricArgumentError on different dimensions, a k that does not fit, or numbers that are not finite
 */
export function precisionRecall(
  real: FeatureMatrix,
  generated: FeatureMatrix,
  { k = 3 }: { readonly k?: number } = {},
): PrecisionRecall {
  const [n, m] = checkPair(real, generated, 2);
  if (!Number.isInteger(k) || k < 1 || k >= Math.min(n, m)) {
    throw new MetricArgumentError(
      `precisionRecall: wanted k from 1 to ${Math.min(n, m) - 1} (below the smaller set's size), got ${k}`,
    );
  }
  const realRadii = neighbourRadii(real, k);
  const generatedRadii = neighbourRadii(generated, k);
  const realReached = new Uint8Array(n); // by a generated ball
  const realCovered = new Uint8Array(n); // its own ball holds a generated sample
  let precise = 0;
  let balls = 0;
  eachDistanceRow(generated, real, (j, squared) => {
    let around = 0;
    for (let i = 0; i < n; i++) {
      const distance = squared[i]!;
      if (distance <= realRadii[i]!) {
        around++;
        realCovered[i] = 1;
      }
      if (distance <= generatedRadii[j]!) realReached[i] = 1;
    }
    balls += around;
    if (around > 0) precise++;
  });
  const share = (flags: Uint8Array): number => flags.reduce((sum, flag) => sum + flag, 0) / flags.length;
  return {
    precision: precise / m,
    recall: share(realReached),
    density: balls / (k * m),
    coverage: share(realCovered),
  };
}

/** Squared distance of each sample to its k-th nearest other sample, [N]. */
function neighbourRadii(features: FeatureMatrix, k: number): Float64Array {
  const radii = new Float64Array(features.data.length / features.dimension);
  const nearest = new Float64Array(k); // rising
  eachDistanceRow(features, features, (i, squared) => {
    nearest.fill(Infinity);
    for (let j = 0; j < squared.length; j++) {
      const distance = squared[j]!;
      if (j === i || distance >= nearest[k - 1]!) continue;
      let at = k - 1;
      for (; at > 0 && nearest[at - 1]! > distance; at--) nearest[at] = nearest[at - 1]!;
      nearest[at] = distance;
    }
    radii[i] = nearest[k - 1]!;
  });
  return radii;
}
