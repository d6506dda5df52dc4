/**
 * The schedule of consistency training: Song et al. 2023, "Consistency models", algorithm 3 with appendix C, as
 * openai/consistency_models computes it.
 *
 * Symbols: k updates done, K `totalSteps`, s_0 `s0`, s_1 `s1`, μ_0 `mu0`, N the number of σ, σ_1 < … < σ_N the grid.
 */
import { SchedulerArgumentError } from '../errors.ts';
import { karrasSigmas, type SigmaRange } from '../karras-sigmas.ts';

export interface ConsistencyCurriculum {
  readonly s0: number;
  readonly s1: number;
  /** K, the update at which N stops growing */
  readonly totalSteps: number;
}

/** @throws SchedulerArgumentError unless `k` is a whole number from 0 */
export function checkUpdates(name: string, k: number): void {
  if (!Number.isInteger(k) || k < 0) {
    throw new SchedulerArgumentError(`${name}: wanted a whole number of updates from 0, got ${k}`);
  }
}

/**
 * The grid, rising: σ_i = (σ_min^(1/ρ) + (i − 1)/(N − 1) · (σ_max^(1/ρ) − σ_min^(1/ρ)))^ρ, "Consistency models" section 2:
 * `karrasSigmas` the other way round. The ends are σ_min and σ_max exactly.
 *
 * @param count N, from 2
 * @param range σ_min, σ_max and ρ: 0.002, 80 and 7 in the paper
 * @returns float64 [N]
 * @throws SchedulerArgumentError unless N is a whole number from 2 and 0 < σ_min ≤ σ_max
 */
export function risingSigmas(count: number, range: SigmaRange & { readonly rho: number }): Float64Array {
  if (!Number.isInteger(count) || count < 2) {
    throw new SchedulerArgumentError(`risingSigmas: wanted a whole number of sigmas from 2, got ${count}`);
  }
  const sigmas = karrasSigmas(count, range).reverse();
  sigmas[0] = range.sigmaMin;
  sigmas[count - 1] = range.sigmaMax;
  return sigmas;
}

/**
 * N(k) = ⌈√(k/K · ((s_1 + 1)² − s_0²) + s_0²) − 1⌉ + 1, at least 2: how many σ there are after k updates. From s_0 to
 * s_1 + 1, where it stays from K on.
 *
 * @throws SchedulerArgumentError unless k is a whole number from 0
 */
export function consistencyScales({ s0, s1, totalSteps }: ConsistencyCurriculum, k: number): number {
  checkUpdates('consistencyScales', k);
  const done = Math.min(1, k / totalSteps);
  const s = Math.ceil(Math.sqrt(done * ((s1 + 1) ** 2 - s0 ** 2) + s0 ** 2) - 1);
  return Math.max(s, 1) + 1;
}

/**
 * μ(k) = exp(s_0 · ln μ_0 / (N(k) − 1)): the decay of the target network at N(k) σ.
 *
 * @param scales N(k)
 */
export function targetDecay(s0: number, mu0: number, scales: number): number {
  return Math.exp((s0 * Math.log(mu0)) / (scales - 1));
}
