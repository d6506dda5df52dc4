/** Clipping by the global norm, as PyTorch's `clip_grad_norm_`: g ← g · min(1, maxNorm / (‖g‖ + 1e-6)). */
import { stack, type Tensor } from '@immiscible/tensor-core';
import { type Tensors } from './adam.ts';

/** Σ g² of every gradient, [number of parameters] in the record's order: their sum is the squared global norm. */
export function squaredNorms(gradients: Tensors): Tensor {
  return stack(Object.values(gradients).map((g) => g.square().sum()));
}

/** The clipped gradients. @param norms what `squaredNorms` gave */
export function clipByGlobalNorm(gradients: Tensors, norms: Tensor, maxNorm: number): Tensors {
  const factor = norms.sum().sqrt().add(1e-6).reciprocal().mul(maxNorm).minimum(1);
  return Object.fromEntries(Object.entries(gradients).map(([name, g]) => [name, g.mul(factor)]));
}
