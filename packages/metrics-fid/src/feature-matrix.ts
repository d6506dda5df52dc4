/** Features as every metric takes them: one row a sample, whatever network or pooling they came from. */
import { MetricArgumentError } from './errors.ts';

/** N samples of d features, row-major: `data` is [N, d], N = data.length / dimension. */
export interface FeatureMatrix {
  readonly data: Float32Array | Float64Array;
  /** d */
  readonly dimension: number;
}

/**
 * The number of samples N.
 *
 * @param name how to call the matrix in an error
 * @throws MetricArgumentError if d is not a whole number from 1, or the data are not whole rows
 */
export function sampleCount({ data, dimension }: FeatureMatrix, name = 'features'): number {
  if (!Number.isInteger(dimension) || dimension < 1) {
    throw new MetricArgumentError(
      `${name}: wanted a dimension that is a whole number from 1, got ${dimension}`,
    );
  }
  if (data.length % dimension !== 0) {
    throw new MetricArgumentError(
      `${name}: wanted whole rows of ${dimension} features, got ${data.length} values; check dimension`,
    );
  }
  return data.length / dimension;
}

/**
 * Checks two sets before they are compared: one dimension, enough samples, every number finite.
 *
 * @param least the fewest samples that each must have
 * @returns the numbers of samples
 * @throws MetricArgumentError naming what is wrong
 */
export function checkPair(a: FeatureMatrix, b: FeatureMatrix, least: number): [number, number] {
  const counts: [number, number] = [sampleCount(a, 'first features'), sampleCount(b, 'second features')];
  if (a.dimension !== b.dimension) {
    throw new MetricArgumentError(
      `features: wanted both sets in one dimension, got ${a.dimension} and ${b.dimension}; ` +
        'features of different networks cannot be compared',
    );
  }
  if (Math.min(...counts) < least) {
    throw new MetricArgumentError(
      `features: wanted at least ${least} samples in each set, got ${counts.join(' and ')}`,
    );
  }
  checkFinite(a, 'first features');
  checkFinite(b, 'second features');
  return counts;
}

/** @throws MetricArgumentError naming the sample and the feature of the first number that is not finite */
export function checkFinite({ data, dimension }: FeatureMatrix, name = 'features'): void {
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new MetricArgumentError(
    `${name}: wanted finite numbers, got ${data[bad]} at sample ${Math.floor(bad / dimension)}, feature ${bad % dimension}`,
  );
}

/** The samples at `rows`, in that order, as a new matrix. */
export function selectRows({ data, dimension }: FeatureMatrix, rows: Uint32Array): FeatureMatrix {
  const selected = new Float64Array(rows.length * dimension);
  rows.forEach((row, i) =>
    selected.set(data.subarray(row * dimension, (row + 1) * dimension), i * dimension),
  );
  return { data: selected, dimension };
}
