/**
 * Denoising as EDM puts it: Karras et al. 2022, "Elucidating the design space of diffusion-based generative models",
 * equation 2 with table 1:
 *
 *     L = E[ λ(σ) · mean (D_θ(x_0 + σ n, σ) − x_0)² ],  ln σ ~ N(P_mean, P_std²)
 *
 * D_θ is the network with EDM's preconditioning, n the assigned noise.
 */
import { precondition } from '@immiscible/models';
import { edmWeight, type LogNormal, logNormalSigma } from '@immiscible/schedulers';
import { tensor, type Tensor } from '@immiscible/tensor-core';
import { noisy, type Objective, weightedMean } from './objective.ts';

export interface EdmOptions extends LogNormal {
  readonly sigmaData: number;
}

/** A type alias, so that compiled functions take it as a tree. */
export type EdmDraws = {
  /** [B] */
  readonly sigma: Tensor;
  /** λ(σ) [B] */
  readonly weight: Tensor;
};

export function edm(options: EdmOptions): Objective<EdmDraws> {
  const { sigmaData } = options;
  return {
    draws(_, streams) {
      const sigma = Float32Array.from(streams.normals('timestep'), (normal) =>
        logNormalSigma(options, normal),
      );
      return {
        sigma: tensor(sigma, [streams.size]),
        weight: tensor(
          sigma.map((value) => edmWeight(value, sigmaData)),
          [streams.size],
        ),
      };
    },
    loss({ network, batch }) {
      const denoised = precondition({ kind: 'edm', sigmaData }, network)(
        noisy(batch, batch.sigma),
        batch.sigma,
      );
      return weightedMean(denoised.sub(batch.x0).square(), batch.weight);
    },
  };
}
