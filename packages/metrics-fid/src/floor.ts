/**
 * The real-against-real floor: how far apart two sets of real images are that differ by chance alone. A distance between
 * generated and real images of the same number of samples means nothing below it.
 */
import { permutation, type Seed } from '@immiscible/random';
import { MetricArgumentError } from './errors.ts';
import { sampleCount, selectRows, type FeatureMatrix } from './feature-matrix.ts';
import { frechetFromMoments } from './frechet.ts';
import { Moments } from './moments.ts';

export interface FloorOptions {
  /** samples in each of the two subsets; default half of all */
  readonly size?: number;
  /** how many pairs of subsets to draw; default 5 */
  readonly draws?: number;
  /** default 0; the same seed draws the same subsets */
  readonly seed?: Seed;
}

export interface FrechetFloor {
  /** mean distance over the draws */
  readonly mean: number;
  /** standard deviation over the draws (n − 1); 0 for a single draw */
  readonly standardDeviation: number;
  /** each draw's distance */
  readonly values: readonly number[];
  /** samples in each subset: compare only with distances of as many samples */
  readonly size: number;
}

/**
 * Fréchet distances between pairs of disjoint random subsets of one set.
 *
 * @param features real images' features, [N, d]
 * @throws MetricArgumentError if the subsets do not fit (2 ≤ size ≤ N/2) or no draw is asked for
 */
export function frechetFloor(
  features: FeatureMatrix,
  { size, draws = 5, seed = 0 }: FloorOptions = {},
): FrechetFloor {
  const count = sampleCount(features);
  const n = size ?? Math.floor(count / 2);
  if (!Number.isInteger(n) || n < 2 || 2 * n > count) {
    throw new MetricArgumentError(
      `frechetFloor: wanted a subset size from 2 to ${Math.floor(count / 2)} (half of ${count} samples), got ${n}`,
    );
  }
  if (!Number.isInteger(draws) || draws < 1) {
    throw new MetricArgumentError(`frechetFloor: wanted a whole number of draws from 1, got ${draws}`);
  }
  const values = Array.from({ length: draws }, (_, draw) => {
    const order = permutation(seed, draw, count);
    const moments = [order.subarray(0, n), order.subarray(n, 2 * n)].map((rows) => {
      const { data, dimension } = selectRows(features, rows);
      return new Moments(dimension, n > dimension ? 'scatter' : 'factor').add(data); // each where it is the faster
    });
    return frechetFromMoments(moments[0]!, moments[1]!);
  });
  const mean = values.reduce((sum, value) => sum + value, 0) / draws;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardDeviation: draws > 1 ? Math.sqrt(squares / (draws - 1)) : 0, values, size: n };
}
