/**
 * The layers that hold parameters: for each, the specification of what it holds and its application, under
 * PyTorch's names (`PATH.weight`, `PATH.bias`).
 */
import { conv2d, groupNorm, linear, type Tensor } from '@immiscible/tensor-core';
import { type ParameterSpecs } from '../parameters.ts';

/** A model's parameters by their full name; throws for a name that is missing. */
export type Weights = (name: string) => Tensor;

interface Options {
  /** It is the last layer of a residual branch or of the model. */
  readonly endsBranch?: boolean;
  /** A factor on what its weight begins with. */
  readonly gain?: number;
}

function affine(
  path: string,
  shape: readonly number[],
  { endsBranch = false, gain = 1 }: Options,
): ParameterSpecs {
  const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]];
  const area = kernel.reduce((n, d) => n * d, 1);
  const init = { fanIn: inputs * area, fanOut: outputs * area, endsBranch };
  return {
    [`${path}.weight`]: { shape, init: { kind: 'weight', ...init, gain }, trainable: true },
    [`${path}.bias`]: { shape: [outputs], init: { kind: 'bias', ...init }, trainable: true },
  };
}

/** A convolution with a square kernel: weight [outputs, inputs, kernel, kernel], bias [outputs]. */
export function convolutionSpecs(
  path: string,
  inputs: number,
  outputs: number,
  kernel: number,
  options: Options = {},
): ParameterSpecs {
  return affine(path, [outputs, inputs, kernel, kernel], options);
}

/** @param options.padding one number, or [top, left, bottom, right] */
export function convolution(
  weights: Weights,
  path: string,
  x: Tensor, // [B, inputs, H, W]
  options: { stride?: number; padding?: number | readonly number[] } = {},
): Tensor {
  return conv2d(x, weights(`${path}.weight`), { ...options, bias: weights(`${path}.bias`) });
}

/** A linear layer: weight [outputs, inputs], bias [outputs]. */
export function denseSpecs(
  path: string,
  inputs: number,
  outputs: number,
  options: Options = {},
): ParameterSpecs {
  return affine(path, [outputs, inputs], options);
}

/** x [..., inputs] → [..., outputs] */
export function dense(weights: Weights, path: string, x: Tensor): Tensor {
  return linear(x, weights(`${path}.weight`), weights(`${path}.bias`));
}

/** Group normalisation: weight and bias [channels]. */
export function normSpecs(path: string, channels: number): ParameterSpecs {
  return {
    [`${path}.weight`]: { shape: [channels], init: { kind: 'constant', value: 1 }, trainable: true },
    [`${path}.bias`]: { shape: [channels], init: { kind: 'constant', value: 0 }, trainable: true },
  };
}

export interface NormOptions {
  readonly groups: number;
  readonly eps: number;
}

export function norm(weights: Weights, path: string, x: Tensor, options: NormOptions): Tensor {
  return groupNorm(x, weights(`${path}.weight`), weights(`${path}.bias`), options);
}
