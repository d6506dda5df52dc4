/**
 * The exponential moving average of the parameters that samples are drawn from: θ̄ ← d θ̄ + (1 − d) θ.
 *
 * With warm-up, the decay of update k (from 1) is min(d, k / (9 + k)) counted so that the first update copies the
 * parameters: diffusers' EMAModel, n = k − 1, min(d, (1 + n) / (10 + n)) and 0 for n = 0.
 */
import { type Tensor } from '@immiscible/tensor-core';

export interface EmaOptions {
  readonly decay: number;
  readonly warmup: boolean;
}

/** d for update `step` (from 1). */
export function emaDecay({ decay, warmup }: EmaOptions, step: number): number {
  if (!warmup) return decay;
  const n = step - 1;
  return n <= 0 ? 0 : Math.min(decay, (1 + n) / (10 + n));
}

/** One update as a graph: θ̄ − (1 − d)(θ̄ − θ). @param rate 1 − d, scalar */
export function emaUpdate(average: Tensor, parameters: Tensor, rate: Tensor): Tensor {
  return average.sub(average.sub(parameters).mul(rate));
}
