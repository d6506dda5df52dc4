/** The activations that a config can name (`act_fn`). */
import { gelu, relu, silu, type Tensor } from '@immiscible/tensor-core';

export type ActivationName = 'silu' | 'swish' | 'relu' | 'gelu';

/** Elementwise; `swish` is SiLU under its other name, `gelu` the exact one. */
export function activate(name: ActivationName, x: Tensor): Tensor {
  switch (name) {
    case 'silu':
    case 'swish':
      return silu(x);
    case 'relu':
      return relu(x);
    case 'gelu':
      return gelu(x);
  }
}
