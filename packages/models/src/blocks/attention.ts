/** Self-attention over the pixels of an image (diffusers' Attention as UNet2DModel uses it): norm, heads, residual. */
import { scaledDotProductAttention, type Tensor } from '@immiscible/tensor-core';
import { type ParameterSpecs } from '../parameters.ts';
import { dense, denseSpecs, norm, type NormOptions, normSpecs, type Weights } from './layers.ts';

export interface AttentionPlan {
  readonly path: string;
  readonly channels: number;
  readonly heads: number;
  readonly headSize: number;
  /** Without it the input is not normalised. */
  readonly norm: NormOptions | undefined;
  /** The sum is divided by it. */
  readonly outputScale: number;
}

export function attentionSpecs(plan: AttentionPlan): ParameterSpecs {
  const { path, channels } = plan;
  const inner = plan.heads * plan.headSize;
  return {
    ...(plan.norm ? normSpecs(`${path}.group_norm`, channels) : {}),
    ...denseSpecs(`${path}.to_q`, channels, inner),
    ...denseSpecs(`${path}.to_k`, channels, inner),
    ...denseSpecs(`${path}.to_v`, channels, inner),
    ...denseSpecs(`${path}.to_out.0`, inner, channels, { endsBranch: true }),
  };
}

/** [B, C, H, W] → [B, C, H, W] */
export function attention(plan: AttentionPlan, weights: Weights, x: Tensor): Tensor {
  const { path, heads, headSize } = plan;
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const length = height * width;
  const normed = plan.norm ? norm(weights, `${path}.group_norm`, x, plan.norm) : x;
  const pixels = normed.reshape([batch, channels, length]).transpose([0, 2, 1]); // [B, L, C]
  const project = (name: string): Tensor =>
    dense(weights, `${path}.${name}`, pixels)
      .reshape([batch, length, heads, headSize])
      .transpose([0, 2, 1, 3]); // [B, heads, L, headSize]
  const mixed = scaledDotProductAttention(project('to_q'), project('to_k'), project('to_v'))
    .transpose([0, 2, 1, 3])
    .reshape([batch, length, heads * headSize]);
  const output = dense(weights, `${path}.to_out.0`, mixed).transpose([0, 2, 1]).reshape(x.shape);
  const sum = output.add(x);
  return plan.outputScale === 1 ? sum : sum.div(plan.outputScale);
}
