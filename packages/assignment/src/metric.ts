/**
 * The ways to say how far an image and a noise are apart, under the names of SciPy's `cdist` where it has one.
 */

/**
 * - `l2`: the Euclidean distance, not squared, as in the paper's code
 * - `sqeuclidean`: its square, the transport cost of optimal-transport flow matching
 * - `l1`: the sum of absolute differences (the paper's ablation, appendix A.1.3)
 * - `dot`: minus the inner product, so that smaller is nearer; it does not prefer short noise
 */
export type Metric = 'l2' | 'sqeuclidean' | 'l1' | 'dot';

export const METRICS: readonly Metric[] = ['l2', 'sqeuclidean', 'l1', 'dot'];

/** With vectors scaled by s, a cost scales by s to this power. */
export function metricDegree(metric: Metric): 1 | 2 {
  return metric === 'l2' || metric === 'l1' ? 1 : 2;
}

/**
 * One cost, term by term in float64.
 *
 * @param a, b vectors of `dimensions` numbers that begin at `aAt` and `bAt`
 */
export function pairCost(
  metric: Metric,
  a: Float32Array,
  aAt: number,
  b: Float32Array,
  bAt: number,
  dimensions: number,
): number {
  let sum = 0;
  switch (metric) {
    case 'l2':
    case 'sqeuclidean':
      for (let k = 0; k < dimensions; k++) {
        const difference = a[aAt + k]! - b[bAt + k]!;
        sum += difference * difference;
      }
      return metric === 'l2' ? Math.sqrt(sum) : sum;
    case 'l1':
      for (let k = 0; k < dimensions; k++) sum += Math.abs(a[aAt + k]! - b[bAt + k]!);
      return sum;
    case 'dot':
      for (let k = 0; k < dimensions; k++) sum -= a[aAt + k]! * b[bAt + k]!;
      return sum;
  }
}
