/**
 * Improved consistency training: Song & Dhariwal 2023, "Improved techniques for training consistency models".
 *
 *     L = E[ 1/(σ_{i+1} − σ_i) · d( f_θ(x_0 + σ_{i+1} z, σ_{i+1}), f_θ⁻(x_0 + σ_i z, σ_i) ) ],  θ⁻ = stopgrad(θ)
 *
 * i from lognormal chances, N(k) doubling, d the pseudo-Huber distance, z assigned. There is no average for a target.
 */
import {
  type ConsistencyCurriculum,
  doublingScales,
  gapWeight,
  type LogNormal,
  logNormalBins,
  pickBin,
  risingSigmas,
  type SigmaRange,
} from '@immiscible/schedulers';
import { type PairDraws, pairObjective, type PairOptions } from './consistency-pair.ts';
import { type Objective } from './objective.ts';

export interface ImprovedConsistencyOptions extends PairOptions, LogNormal {
  readonly range: SigmaRange & { readonly rho: number };
  readonly curriculum: ConsistencyCurriculum;
}

export function improvedConsistencyTraining(options: ImprovedConsistencyOptions): Objective<PairDraws> {
  const { range, curriculum } = options;
  return pairObjective(options, (k, streams) => {
    const sigmas = risingSigmas(doublingScales(curriculum, k), range);
    const sums = logNormalBins(sigmas, options);
    return Array.from(streams.uniforms('timestep'), (u) => {
      const i = pickBin(sums, u);
      const [lower, sigma] = [sigmas[i]!, sigmas[i + 1]!];
      return { sigma, lower, weight: gapWeight(lower, sigma) };
    });
  });
}
