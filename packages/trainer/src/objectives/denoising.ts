/**
 * The denoising objective of DDPM (Ho et al. 2020, eq. 14) and its variants: the network is shown
 * x_t = √ᾱ_t x_0 + √(1 − ᾱ_t) ε and predicts ε, x_0 or v (Salimans & Ho 2022).
 *
 * The noise that comes in is the noise that was assigned, and it is the only noise here: the same tensor makes x_t and
 * is the target. An offset, one number a channel (Guttenberg 2023, "Diffusion with offset noise"), is added to it after
 * the assignment, for both.
 */
import {
  type LossWeighting,
  type NoiseSchedule,
  type PredictionType,
  trainingDraw,
} from '@immiscible/schedulers';
import { tensor, type Tensor } from '@immiscible/tensor-core';
import { type Objective, perSample, type Samples, weightedMean } from './objective.ts';

export interface DenoisingOptions {
  readonly schedule: NoiseSchedule;
  readonly lossWeighting: LossWeighting;
  /** standard deviation of the offset; 0: none */
  readonly offsetNoise: number;
}

/** A type alias, so that compiled functions take it as a tree. */
export type DenoisingDraws = {
  /** t [B], float32 */
  readonly timesteps: Tensor;
  /** √ᾱ_t [B] */
  readonly alpha: Tensor;
  /** √(1 − ᾱ_t) [B] */
  readonly sigma: Tensor;
  /** factor of each sample's loss [B] */
  readonly weight: Tensor;
} & Readonly<Record<string, Tensor>>;

/** x_t and what the network should say about it, both [B, C, H, W]. */
export function denoisingTask(
  type: PredictionType,
  { x0, noise, alpha, sigma }: Samples & Pick<DenoisingDraws, 'alpha' | 'sigma'>,
): { xt: Tensor; target: Tensor } {
  const a = perSample(alpha, x0);
  const s = perSample(sigma, x0);
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
  return weightedMean(prediction.sub(target).square(), weight);
}

export function denoising({
  schedule,
  lossWeighting,
  offsetNoise,
}: DenoisingOptions): Objective<DenoisingDraws> {
  return {
    draws(_, streams) {
      const { size, shape } = streams;
      const draw = trainingDraw(schedule, streams.uniforms('timestep'), lossWeighting);
      const drawn = {
        timesteps: tensor(Float32Array.from(draw.timesteps), [size]),
        alpha: tensor(draw.alpha, [size]),
        sigma: tensor(draw.sigma, [size]),
        weight: tensor(draw.weight, [size]),
      };
      if (offsetNoise === 0) return drawn;
      const channels = shape[0]!;
      const offset = streams.normals('offsetNoise', channels).map((value) => offsetNoise * value);
      return { ...drawn, offset: tensor(offset, [size, channels, 1, 1]) };
    },
    loss({ network, batch }) {
      const noise = batch['offset'] ? batch.noise.add(batch['offset']) : batch.noise;
      const { xt, target } = denoisingTask(schedule.config.prediction_type, { ...batch, noise });
      return denoisingLoss(network(xt, batch.timesteps), target, batch.weight);
    },
  };
}
