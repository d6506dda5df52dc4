/**
 * What improved consistency training draws: Song & Dhariwal 2023, "Improved techniques for training consistency models".
 *
 * Symbols: k updates done, K `totalSteps`, s_0 `s0`, s_1 `s1`, σ_1 < … < σ_N the grid (`risingSigmas`), P_mean
 * `meanLog`, P_std `stdLog`, d the number of elements of an image.
 */
import { SchedulerArgumentError } from '../errors.ts';
import { checkUpdates, type ConsistencyCurriculum } from './consistency-training.ts';
import { erf } from './erf.ts';

/** ln σ ~ N(meanLog, stdLog²). */
export interface LogNormal {
  readonly meanLog: number;
  readonly stdLog: number;
}

/**
 * N(k) = min(s_0 · 2^⌊k/K'⌋, s_1) + 1 with K' = ⌊K / (log₂⌊s_1/s_0⌋ + 1)⌋, equation 12 and section 3.4: doubles at even
 * intervals, 11, 21, …, 1281 at the paper's s_0 = 10 and s_1 = 1280.
 *
 * @throws SchedulerArgumentError unless k is a whole number from 0
 */
export function doublingScales({ s0, s1, totalSteps }: ConsistencyCurriculum, k: number): number {
  checkUpdates('doublingScales', k);
  const interval = Math.max(1, Math.floor(totalSteps / (Math.log2(Math.floor(s1 / s0)) + 1)));
  return Math.min(s0 * 2 ** Math.floor(k / interval), s1) + 1;
}

/**
 * The chance of each bin [σ_i, σ_{i+1}]: p_i ∝ erf((ln σ_{i+1} − P_mean)/(√2 P_std)) − erf((ln σ_i − P_mean)/(√2 P_std)),
 * equation 10.
 *
 * @param sigmas rising, [N]
 * @returns running sums of p, float64 [N − 1], the last 1: `pickBin` looks a uniform number up in them
 * @throws SchedulerArgumentError where stdLog is not positive, or the distribution misses all bins
 */
export function logNormalBins(sigmas: ArrayLike<number>, { meanLog, stdLog }: LogNormal): Float64Array {
  if (!(stdLog > 0)) throw new SchedulerArgumentError(`logNormalBins: wanted stdLog above 0, got ${stdLog}`);
  const at = Float64Array.from(sigmas, (sigma) => erf((Math.log(sigma) - meanLog) / (Math.SQRT2 * stdLog)));
  const total = at.at(-1)! - at[0]!;
  if (!(total > 0)) {
    throw new SchedulerArgumentError(
      `logNormalBins: wanted a distribution that reaches σ from ${sigmas[0]} to ${sigmas[sigmas.length - 1]}, got meanLog ${meanLog} and stdLog ${stdLog}; move meanLog towards ln σ, or widen stdLog`,
    );
  }
  const sums = Float64Array.from({ length: at.length - 1 }, (_, i) => (at[i + 1]! - at[0]!) / total);
  sums[sums.length - 1] = 1;
  return sums;
}

/**
 * The bin that a uniform number falls into: the first i, from 0, with u < sums[i].
 *
 * @param u in [0, 1)
 */
export function pickBin(sums: Float64Array, u: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (u < sums[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** λ(σ_i) = 1 / (σ_{i+1} − σ_i), section 3.1: the weight of a pair of neighbours. */
export function gapWeight(sigma: number, next: number): number {
  return 1 / (next - sigma);
}

/**
 * c of the pseudo-Huber distance √(‖x − y‖² + c²) − c, section 3.3: 0.00054 · √d.
 *
 * @param elements d: 3 · 32 · 32 gives 0.0299
 */
export function pseudoHuberC(elements: number): number {
  return 0.00054 * Math.sqrt(elements);
}
