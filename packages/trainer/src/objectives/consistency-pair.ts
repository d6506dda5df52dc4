/**
 * What all consistency objectives share: one image with one noise at two levels, and the consistency function there with
 * the trained and with the target's parameters.
 *
 * The lower of the two is what Euler's method makes of the upper when the true x_0 is the denoiser: x_0 + σ_n z, with the
 * same z (Song et al. 2023, section 5). So there is one noise, the one that was assigned.
 */
import { precondition } from '@immiscible/models';
import { tensor, type Tensor, where } from '@immiscible/tensor-core';
import { type Distance } from './distance.ts';
import { type LossInputs, noisy, type Objective, perSample } from './objective.ts';

/** What a sample draws. */
export interface Pair {
  /** σ_{n+1} (t of easy consistency tuning) */
  readonly sigma: number;
  /** σ_n (r of easy consistency tuning); at 0 the target is x_0 itself */
  readonly lower: number;
  /** factor of the sample's loss */
  readonly weight: number;
}

/** The same of a batch, [B] each; a type alias, so that compiled functions take it as a tree. */
export type PairDraws = { readonly [field in keyof Pair]: Tensor };

export interface PairOptions {
  /** σ at which the consistency function is the identity, and of the data: see `precondition` of @immiscible/models */
  readonly sigmaMin: number;
  readonly sigmaData: number;
  readonly distance: Distance;
}

/**
 * E[ weight · d( f_θ(x_0 + σ_{n+1} z, σ_{n+1}), f_target(x_0 + σ_n z, σ_n) ) ] over pairs that `pairs` draws.
 *
 * @param pairs one of every sample; k counts the updates done before
 */
export function pairObjective(
  { sigmaMin, sigmaData, distance }: PairOptions,
  pairs: (k: number, streams: Parameters<Objective['draws']>[1]) => readonly Pair[],
): Objective<PairDraws> {
  const options = { kind: 'consistency', sigmaMin, sigmaData } as const;
  return {
    draws(k, streams) {
      const drawn = pairs(k, streams);
      const column = (field: keyof Pair): Tensor =>
        tensor(
          Float32Array.from(drawn, (pair) => pair[field]),
          [drawn.length],
        );
      return { sigma: column('sigma'), lower: column('lower'), weight: column('weight') };
    },
    loss({ network, target, batch, frozen }: LossInputs<PairDraws>) {
      const { x0, sigma, lower, weight } = batch;
      const positive = lower.greater(0);
      const safe = where(positive, lower, sigma); // the network's time is ln σ
      const there = precondition(options, target)(noisy(batch, safe), safe);
      const here = precondition(options, network)(noisy(batch, sigma), sigma);
      return distance
        .between(here, where(perSample(positive, x0), there, x0), frozen)
        .mul(weight)
        .mean();
    },
    ...(distance.readFrozen ? { readFrozen: distance.readFrozen } : {}),
  };
}
