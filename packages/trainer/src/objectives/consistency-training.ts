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
import { tensor, type Tensor } from '@immiscible/tensor-core';
import { type Boundary, consistencyPair, type PairDraws } from './consistency-pair.ts';
import { type Objective } from './objective.ts';

/** The distance of each sample's two images, [B, C, H, W] each: [B]. */
export type Distance = (a: Tensor, b: Tensor, frozen: Readonly<Record<string, Tensor>>) => Tensor;

export interface ConsistencyTrainingOptions extends Boundary {
  readonly range: SigmaRange & { readonly rho: number };
  readonly curriculum: ConsistencyCurriculum;
  /** μ_0 */
  readonly mu0: number;
  readonly distance: Distance;
  readonly readFrozen?: Objective['readFrozen'];
}

/** An objective whose state keeps a target network. */
export function consistencyTraining(options: ConsistencyTrainingOptions): Objective<PairDraws> {
  const { range, curriculum, mu0, distance, readFrozen } = options;
  return {
    draws(k, streams) {
      const sigmas = risingSigmas(consistencyScales(curriculum, k), range);
      const uniforms = streams.uniforms('timestep');
      const bins = Array.from(uniforms, (u) => Math.floor(u * (sigmas.length - 1)));
      const column = (value: (bin: number) => number): Tensor =>
        tensor(Float32Array.from(bins, value), [streams.size]);
      return {
        sigma: column((n) => sigmas[n + 1]!),
        lower: column((n) => sigmas[n]!),
        weight: column(() => 1),
      };
    },
    loss(inputs) {
      const { online, target } = consistencyPair(options, inputs);
      return distance(online, target, inputs.frozen).mul(inputs.batch.weight).mean();
    },
    targetDecay: (k) => targetDecay(curriculum.s0, mu0, consistencyScales(curriculum, k)),
    ...(readFrozen ? { readFrozen } : {}),
  };
}
