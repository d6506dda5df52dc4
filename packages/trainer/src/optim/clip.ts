/** Clipping by the global norm, as PyTorch's `clip_grad_norm_`: g ← g · min(1, maxNorm / (‖g‖ + 1e-6)). */
import { type Tensor } from '@immiscible/tensor-core';

/** ‖g‖ over all elements: a scalar. */
export function globalNorm(gradient: Tensor): Tensor {
  return gradient.square().sum().sqrt();
}

/** The clipped gradient. @param norm what `globalNorm` gave */
export function clipByGlobalNorm(gradient: Tensor, norm: Tensor, maxNorm: number): Tensor {
  return gradient.mul(norm.add(1e-6).reciprocal().mul(maxNorm).minimum(1));
}
