/**
 * The denoising objective of DDPM (Ho et al. 2020, eq. 14) and its variants: the network is shown
 * x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε and predicts ε, x_0 or v (Salimans & Ho 2022).
 *
 * The noise that comes in is the noise that was assigned, and it is the only noise here: the same tensor makes x_t and
 * is the target.
 */
import { type Tensor } from '@immiscible/tensor-core';

export type PredictionType = 'epsilon' | 'sample' | 'v_prediction';

/** Everything that one step needs of its samples. */
export interface DenoisingBatch {
  /** x_0 [B, C, H, W] in [-1, 1] */
  readonly x0: Tensor;
  /** ε [B, C, H, W], assigned */
  readonly noise: Tensor;
  /** t [B], float32 */
  readonly timesteps: Tensor;
  /** √ᾱ_t [B] */
  readonly alpha: Tensor;
  /** √(1 − ᾱ_t) [B] */
  readonly sigma: Tensor;
  /** factor of each sample's loss [B] */
  readonly weight: Tensor;
}

/** x_t and what the network should say about it, both [B, C, H, W]. */
export function denoisingTask(
  type: PredictionType,
  { x0, noise, alpha, sigma }: DenoisingBatch,
): { xt: Tensor; target: Tensor } {
  const perSample = (x: Tensor): Tensor => x.reshape([x.size, ...x0.shape.slice(1).map(() => 1)]);
  const a = perSample(alpha);
  const s = perSample(sigma);
  const xt = x0.mul(a).add(noise.mul(s));
  switch (type) {
    case 'epsilon':
      return { xt, target: noise };
    case 'sample':
      return { xt, target: x0 };
    case 'v_prediction':
      return { xt, target: noise.mul(a).sub(x0.mul(s)) };
  }
}

/** mean of weight · (prediction − target)²: a scalar. */
export function denoisingLoss(prediction: Tensor, target: Tensor, weight: Tensor): Tensor {
  const error = prediction.sub(target).square();
  return error
    .mean(error.shape.map((_, i) => i).slice(1))
    .mul(weight)
    .mean();
}
