/**
 * Metrics of points in the plane (or anywhere that is not too high): the exact Wasserstein distance, and how many modes of
 * a mixture were found.
 */
import { eachDistanceRow } from './distances.ts';
import { MetricArgumentError } from './errors.ts';
import { checkPair, type FeatureMatrix } from './feature-matrix.ts';

/**
 * Solves an assignment problem exactly: costs [n, n], row-major; gives for every row its column. The package of solvers is
 * not one that this package knows: who has both brings one, such as `solveAssignment` of @immiscible/assignment.
 */
export type AssignmentSolver = (costs: Float64Array, n: number) => ArrayLike<number>;

/**
 * The exact Wasserstein-2 distance of two sets of equally many points: √ of the least mean of squared distances over all
 * pairings.
 *
 * @param a [N, d]
 * @param b [N, d]
 * @returns in the units of the points
 * @throws MetricArgumentError for sets of different sizes or dimensions, numbers that are not finite, and an answer that is
 *   no pairing
 */
export function wasserstein2(a: FeatureMatrix, b: FeatureMatrix, solve: AssignmentSolver): number {
  const [n, m] = checkPair(a, b, 1);
  if (n !== m) {
    throw new MetricArgumentError(
      `wasserstein2: wanted equally many points in both sets, got ${n} and ${m}; leave some out`,
    );
  }
  const costs = new Float64Array(n * n);
  eachDistanceRow(a, b, (i, squared) => costs.set(squared, i * n));
  const pairing = solve(costs, n);
  const taken = new Set<number>();
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const column = pairing[i];
    if (column === undefined || !(column >= 0 && column < n) || taken.has(column)) {
      throw new MetricArgumentError(
        `wasserstein2: wanted a pairing of ${n} rows with as many columns, got column ${column} for row ${i}; use an exact solver`,
      );
    }
    taken.add(column);
    sum += costs[i * n + column]!;
  }
  return Math.sqrt(sum / n);
}

export interface ModeCoverage {
  /** modes with at least one sample in reach */
  readonly covered: number;
  readonly modes: number;
  /** share of samples that are in reach of a mode, 0 to 1 */
  readonly inReach: number;
  /** samples in reach, by the mode that is the nearest */
  readonly counts: readonly number[];
}

/**
 * How many modes of a mixture have samples, and how many samples have a mode (Srivastava et al., "VEEGAN", 2017, section 4.1,
 * where reach is three standard deviations of a component).
 *
 * @param samples [N, d]
 * @param modes centres of the components, [K, d]
 * @param reach the farthest that a sample may be from the mode it counts for, inclusive
 * @throws MetricArgumentError for sets of different dimensions, empty ones, numbers that are not finite, and a reach below 0
 */
export function modeCoverage(samples: FeatureMatrix, modes: FeatureMatrix, reach: number): ModeCoverage {
  const [n, k] = checkPair(samples, modes, 1);
  if (!(reach >= 0)) throw new MetricArgumentError(`modeCoverage: wanted a reach from 0, got ${reach}`);
  const counts = new Array<number>(k).fill(0);
  eachDistanceRow(samples, modes, (_, squared) => {
    let nearest = 0;
    for (let j = 1; j < k; j++) if (squared[j]! < squared[nearest]!) nearest = j;
    if (squared[nearest]! <= reach ** 2) counts[nearest]! += 1;
  });
  return {
    covered: counts.filter((count) => count > 0).length,
    modes: k,
    inReach: counts.reduce((sum, count) => sum + count, 0) / n,
    counts,
  };
}
