/**
 * The exponential moving average of the parameters that samples are drawn from: θ̄ ← d θ̄ + (1 − d) θ.
 *
 * How d goes with the update k (from 1) is told in one of four ways:
 *
 * - a decay, with diffusers' warm-up or without: n = k − 1, min(d, (1 + n) / (10 + n)), and 0 for n = 0;
 * - a half-life in images, as EDM (Karras et al. 2022, table 7): a fixed one makes runs of different batch sizes alike;
 * - a power that d nears 1 by, as diffusers' EMAModel with `use_ema_warmup`: 1 − (1 + n / invGamma)^−power;
 * - the power function of Karras et al. 2024, "Analyzing and improving the training dynamics of diffusion models",
 *   section 3.1: weights ∝ tᵞ, an average whose length is a fixed share of the training so far.
 *
 * The first update copies the parameters wherever d starts at 0.
 */
import { type Tensor } from '@immiscible/tensor-core';

export type EmaOptions =
  | {
      readonly kind?: 'decay' | undefined;
      readonly decay: number;
      /** A smaller decay at first, so that the initial weights are soon forgotten. */
      readonly warmup: boolean;
    }
  | {
      readonly kind: 'half-life';
      /** Images after which weights count half. */
      readonly images: number;
      /** While the run is young, the half-life is at most this share of the images so far; null: from the start as it is. */
      readonly rampUp: number | null;
    }
  | {
      readonly kind: 'power';
      readonly invGamma: number;
      readonly power: number;
      readonly minDecay: number;
      readonly maxDecay: number;
    }
  | {
      readonly kind: 'power-function';
      /** Standard deviation of the average's weights, as a share of the training so far (σ_rel). */
      readonly relativeStd: number;
    };

/**
 * d for an update.
 *
 * @param step from 1
 * @param imagesPerStep images of one update: batch size times micro-batches
 */
export function emaDecay(options: EmaOptions, step: number, imagesPerStep: number): number {
  const n = step - 1;
  switch (options.kind) {
    case undefined:
    case 'decay': {
      const { decay, warmup } = options;
      if (!warmup) return decay;
      return n <= 0 ? 0 : Math.min(decay, (1 + n) / (10 + n));
    }
    case 'half-life': {
      const { images, rampUp } = options;
      const halfLife = rampUp === null ? images : Math.min(images, n * imagesPerStep * rampUp);
      return halfLife <= 0 ? 0 : 0.5 ** (imagesPerStep / halfLife);
    }
    case 'power': {
      const { invGamma, power, minDecay, maxDecay } = options;
      if (n <= 0) return 0;
      return Math.max(minDecay, Math.min(maxDecay, 1 - (1 + n / invGamma) ** -power));
    }
    case 'power-function':
      return (1 - 1 / step) ** (powerExponent(options.relativeStd) + 1);
  }
}

/**
 * γ from σ_rel = √((γ + 1) / ((γ + 2)² (γ + 3))): the larger root of γ³ + 7γ² + (16 − s)γ + 12 − s, s = σ_rel⁻²
 * (Karras et al. 2024, appendix C).
 *
 * σ_rel falls as γ grows, from √(1/12) at γ = 0; Newton's method from above the root converges to it monotonically,
 * the polynomial being convex there.
 */
export function powerExponent(relativeStd: number): number {
  const s = relativeStd ** -2;
  let gamma = Math.sqrt(s);
  for (let i = 0; i < 100; i++) {
    const value = ((gamma + 7) * gamma + 16 - s) * gamma + 12 - s;
    const next = gamma - value / ((3 * gamma + 14) * gamma + 16 - s);
    if (next >= gamma) break;
    gamma = next;
  }
  return gamma;
}

/** One update as a graph: θ̄ − (1 − d)(θ̄ − θ). @param rate 1 − d, scalar */
export function emaUpdate(average: Tensor, parameters: Tensor, rate: Tensor): Tensor {
  return average.sub(average.sub(parameters).mul(rate));
}
