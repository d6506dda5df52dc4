/**
 * Consistency training of Song et al. 2023, "Consistency models", algorithm 3 (CT):
 *
 *     L = E[ λ(σ_n) d( f_θ(x_0 + σ_{n+1} z, σ_{n+1}), f_θ⁻(x_0 + σ_n z, σ_n) ) ],  θ⁻ ← μ(k) θ⁻ + (1 − μ(k)) θ
 *
 * with λ = 1, n uniform from 1 to N(k) − 1 on the grid of Karras et al., and z assigned. N(k) and μ(k) are those of
 * openai/consistency_models_cifar10, which the paper on immiscible diffusion builds on.
 */
import {
  consistencyScales,
  type ConsistencyCurriculum,
  risingSigmas,
  type SigmaRange,
  targetDecay,
} from '@immiscible/schedulers';
import { type PairDraws, pairObjective, type PairOptions } from './consistency-pair.ts';
import { type Objective } from './objective.ts';

export interface ConsistencyTrainingOptions extends PairOptions {
  readonly range: SigmaRange & { readonly rho: number };
  readonly curriculum: ConsistencyCurriculum;
  /** μ_0 */
  readonly mu0: number;
}

/** An objective whose state keeps a target network. */
export function consistencyTraining(options: ConsistencyTrainingOptions): Objective<PairDraws> {
  const { range, curriculum, mu0 } = options;
  return {
    ...pairObjective(options, (k, streams) => {
      const sigmas = risingSigmas(consistencyScales(curriculum, k), range);
      return Array.from(streams.uniforms('timestep'), (u) => {
        const n = Math.floor(u * (sigmas.length - 1));
        return { sigma: sigmas[n + 1]!, lower: sigmas[n]!, weight: 1 };
      });
    }),
    targetDecay: (k) => targetDecay(curriculum.s0, mu0, consistencyScales(curriculum, k)),
  };
}
