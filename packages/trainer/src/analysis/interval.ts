/**
 * Means of a few numbers with their confidence intervals, and paired comparisons: arms of one seed share everything but the
 * pairing of noise, so what one seed does to both is taken out before anything is averaged.
 */
import { TrainerError } from '../errors.ts';

/** A mean with its 95 % confidence interval by Student's t; one value has no interval. */
export interface Interval {
  readonly mean: number;
  readonly low?: number;
  readonly high?: number;
  readonly count: number;
}

/** Student's t at 0.975 by degrees of freedom, from 1. */
const T_975 = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604,
  2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
  2.0518, 2.0484, 2.0452, 2.0423,
];
const Z_975 = 1.959964;

/** Beyond the table, the expansion in 1/ν (Abramowitz & Stegun 26.7.5), within 1e-4. */
function studentT(freedom: number): number {
  const z = Z_975;
  return (
    T_975[freedom - 1] ??
    z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
  );
}

/** @throws TrainerError where there are no values */
export function meanInterval(values: readonly number[]): Interval {
  const count = values.length;
  if (count === 0) throw new TrainerError('meanInterval: wants at least one value, got none');
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count === 1) return { mean, count };
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const reach = studentT(count - 1) * Math.sqrt(variance / count);
  return { mean, low: mean - reach, high: mean + reach, count };
}

function paired(baseline: readonly number[], treated: readonly number[]): void {
  if (baseline.length !== treated.length) {
    throw new TrainerError(
      `a paired comparison wants as many values of both arms, got ${baseline.length} and ${treated.length}`,
    );
  }
}

/** treated − baseline, seed by seed. @throws TrainerError for lists of different lengths, or empty ones */
export function pairedDifference(baseline: readonly number[], treated: readonly number[]): Interval {
  paired(baseline, treated);
  return meanInterval(treated.map((value, i) => value - baseline[i]!));
}

/**
 * treated / baseline − 1, seed by seed: −0.3 is 30 % less. The mean is geometric (ratios are averaged as logarithms, so that
 * −50 % and +100 % even out), and so is the interval.
 *
 * @throws TrainerError for lists of different lengths, empty ones, and values that are not above 0
 */
export function pairedChange(baseline: readonly number[], treated: readonly number[]): Interval {
  paired(baseline, treated);
  const wrong = [...baseline, ...treated].find((value) => !(value > 0));
  if (wrong !== undefined) throw new TrainerError(`pairedChange: wants values above 0, got ${wrong}`);
  const { mean, low, high, count } = meanInterval(treated.map((value, i) => Math.log(value / baseline[i]!)));
  return {
    mean: Math.expm1(mean),
    ...(low === undefined ? {} : { low: Math.expm1(low) }),
    ...(high === undefined ? {} : { high: Math.expm1(high) }),
    count,
  };
}
