/** Clipping by the global norm, as PyTorch's `clip_grad_norm_`: g ← g · min(1, maxNorm / (‖g‖ + 1e-6)). */
import { type Tensor, where } from '@immiscible/tensor-core';

/** ‖g‖ over all elements: a scalar. */
export function globalNorm(gradient: Tensor): Tensor {
  return gradient.square().sum().sqrt();
}

/**
 * The clipped gradient. Where the norm is not finite, the gradient as it is, so that whoever looks for the elements
 * that are to blame finds those and no others.
 *
 * @param norm what `globalNorm` gave
 */
export function clipByGlobalNorm(gradient: Tensor, norm: Tensor, maxNorm: number): Tensor {
  const factor = norm.add(1e-6).reciprocal().mul(maxNorm).minimum(1);
  return gradient.mul(where(factor.greater(0), factor, 1));
}
