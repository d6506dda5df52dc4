/** Halving and doubling an image with a convolution (diffusers' Downsample2D, Upsample2D). */
import { type Tensor, upsampleNearest2d } from '@immiscible/tensor-core';
import { type ParameterSpecs } from '../parameters.ts';
import { convolution, convolutionSpecs, type Weights } from './layers.ts';

export interface SamplingPlan {
  readonly path: string;
  readonly channels: number;
  readonly direction: 'down' | 'up';
  /** For `down`: 1 pads all round; 0 pads below and on the right only (diffusers pads (0, 1, 0, 1) itself). */
  readonly padding: 0 | 1;
}

export function samplingSpecs({ path, channels }: SamplingPlan): ParameterSpecs {
  return convolutionSpecs(`${path}.conv`, channels, channels, 3);
}

/** [B, C, H, W] → [B, C, H/2, W/2] or [B, C, 2H, 2W] */
export function sampling({ path, direction, padding }: SamplingPlan, weights: Weights, x: Tensor): Tensor {
  if (direction === 'up') {
    return convolution(weights, `${path}.conv`, upsampleNearest2d(x, 2), { padding: 1 });
  }
  return convolution(weights, `${path}.conv`, x, { stride: 2, padding: padding === 0 ? [0, 0, 1, 1] : 1 });
}
