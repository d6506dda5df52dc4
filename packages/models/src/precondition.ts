/**
 * Preconditioning: what stands around a network F so that its input and its target have unit variance at every σ,
 *
 *     D(x; σ) = c_skip(σ) · x + c_out(σ) · F(c_in(σ) · x; c_noise(σ))
 *
 * - `edm`: Karras et al. 2022, "Elucidating the design space of diffusion-based generative models", equation 7 and
 *   table 1 (the column "Ours").
 * - `consistency`: Song et al. 2023, "Consistency models", equation 5 with appendix C, whose c_skip and c_out are EDM's
 *   shifted by σ_min, so that f(x; σ_min) = x holds exactly; c_noise is counted as the published networks count time, in
 *   thousandths (diffusers' CMStochasticIterativeScheduler).
 *
 * With σ_min = 0 the two differ in the unit of c_noise alone.
 */
import { log, type Tensor } from '@immiscible/tensor-core';

export type Preconditioning = 'edm' | 'consistency';

export interface PreconditionOptions {
  readonly kind: Preconditioning;
  /** Standard deviation of the data: 0.5 for images in [-1, 1], also where omitted. */
  readonly sigmaData?: number;
  /** The σ at which a consistency function is the identity: 0.002 where omitted. Not read under `edm`. */
  readonly sigmaMin?: number;
}

/** Each float32 [B]. */
export interface PreconditionCoefficients {
  readonly cSkip: Tensor;
  readonly cOut: Tensor;
  readonly cIn: Tensor;
  /** The timestep that the network is given: ¼ ln σ under `edm`, 1000 · ¼ ln σ under `consistency`. */
  readonly cNoise: Tensor;
}

const SIGMA_DATA = 0.5;
const SIGMA_MIN = 0.002;
/** How many units of time the networks of consistency models count in one of ours. */
const TIME_UNITS = 1000;

/**
 * The four coefficients.
 *
 * @param sigma float32 [B], above 0
 */
export function preconditionCoefficients(
  kind: Preconditioning,
  sigma: Tensor,
  { sigmaData = SIGMA_DATA, sigmaMin = SIGMA_MIN }: Omit<PreconditionOptions, 'kind'> = {},
): PreconditionCoefficients {
  const variance = sigmaData ** 2;
  const above = kind === 'edm' ? sigma : sigma.sub(sigmaMin);
  const cIn = sigma.square().add(variance).sqrt().reciprocal();
  return {
    cSkip: above.square().add(variance).reciprocal().mul(variance),
    cOut: above.mul(sigmaData).mul(cIn),
    cIn,
    cNoise: log(sigma).mul(kind === 'edm' ? 0.25 : 0.25 * TIME_UNITS),
  };
}

/**
 * A network with its preconditioning: the denoiser D(x; σ) under `edm`, the consistency function f(x, σ) under
 * `consistency`.
 *
 * @param network from (c_in · x, c_noise), [B, C, H, W] and float32 [B], to the raw output [B, C, H, W]
 * @returns a function of x [B, C, H, W] and σ (float32 [B], above 0), with values [B, C, H, W] of x's dtype; gradients
 *   flow through both
 */
export function precondition(
  { kind, ...options }: PreconditionOptions,
  network: (sample: Tensor, timestep: Tensor) => Tensor,
): (x: Tensor, sigma: Tensor) => Tensor {
  return (x, sigma) => {
    const { cSkip, cOut, cIn, cNoise } = preconditionCoefficients(kind, sigma, options);
    const perSample = (c: Tensor): Tensor => c.cast(x.dtype).reshape([-1, ...x.shape.slice(1).map(() => 1)]);
    const raw = network(x.mul(perSample(cIn)), cNoise).cast(x.dtype); // [B, C, H, W]
    return x.mul(perSample(cSkip)).add(raw.mul(perSample(cOut)));
  };
}
