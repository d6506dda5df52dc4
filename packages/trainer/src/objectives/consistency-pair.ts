/**
 * What all consistency objectives share: one image with one noise at two levels, and the consistency function there with
 * the trained and with the target's parameters.
 *
 * The lower of the two is what Euler's method makes of the upper when the true x_0 is the denoiser: x_0 + σ_n z, with the
 * same z (Song et al. 2023, definition 2 of consistency training). So there is one noise, the one that was assigned.
 */
import { precondition } from '@immiscible/models';
import { type Tensor, where } from '@immiscible/tensor-core';
import { type LossInputs, noisy, perSample } from './objective.ts';

/** Of the scheduler's config; see `precondition` of @immiscible/models. */
export interface Boundary {
  readonly sigmaMin: number;
  readonly sigmaData: number;
}

/** A type alias, so that compiled functions take it as a tree. */
export type PairDraws = {
  /** σ_{n+1} (t of easy consistency tuning) [B] */
  readonly sigma: Tensor;
  /** σ_n (r of easy consistency tuning) [B]; the target at 0 is x_0 itself */
  readonly lower: Tensor;
  /** factor of each sample's loss [B] */
  readonly weight: Tensor;
};

/** f(x_{n+1}, σ_{n+1}) and the target at σ_n, [B, C, H, W]; no gradient goes into the target. */
export function consistencyPair(
  { sigmaMin, sigmaData }: Boundary,
  { network, target, batch }: LossInputs<PairDraws>,
): { online: Tensor; target: Tensor } {
  const options = { kind: 'consistency', sigmaMin, sigmaData } as const;
  const { x0, sigma, lower } = batch;
  const positive = lower.greater(0);
  const safe = where(positive, lower, sigma); // the network's time is ln σ
  const there = precondition(options, target)(noisy(batch, safe), safe);
  return {
    online: precondition(options, network)(noisy(batch, sigma), sigma),
    target: where(perSample(positive, x0), there, x0),
  };
}
