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
import { tensor, type Tensor } from '@immiscible/tensor-core';
import { type Boundary, consistencyPair, type PairDraws } from './consistency-pair.ts';
import { type Distance } from './consistency-training.ts';
import { type Objective } from './objective.ts';

export interface ImprovedConsistencyOptions extends Boundary, LogNormal {
  readonly range: SigmaRange & { readonly rho: number };
  readonly curriculum: ConsistencyCurriculum;
  readonly distance: Distance;
}

export function improvedConsistencyTraining(options: ImprovedConsistencyOptions): Objective<PairDraws> {
  const { range, curriculum, distance } = options;
  let grid: { scales: number; sigmas: Float64Array; sums: Float64Array } | undefined;
  const gridAt = (k: number): { sigmas: Float64Array; sums: Float64Array } => {
    const scales = doublingScales(curriculum, k);
    if (grid?.scales !== scales) {
      const sigmas = risingSigmas(scales, range);
      grid = { scales, sigmas, sums: logNormalBins(sigmas, options) };
    }
    return grid;
  };
  return {
    draws(k, streams) {
      const { sigmas, sums } = gridAt(k);
      const bins = Array.from(streams.uniforms('timestep'), (u) => pickBin(sums, u));
      const column = (value: (bin: number) => number): Tensor =>
        tensor(Float32Array.from(bins, value), [streams.size]);
      return {
        sigma: column((i) => sigmas[i + 1]!),
        lower: column((i) => sigmas[i]!),
        weight: column((i) => gapWeight(sigmas[i]!, sigmas[i + 1]!)),
      };
    },
    loss(inputs) {
      const { online, target } = consistencyPair(options, inputs);
      return distance(online, target, inputs.frozen).mul(inputs.batch.weight).mean();
    },
  };
}
