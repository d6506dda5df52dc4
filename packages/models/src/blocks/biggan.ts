/**
 * The residual block of NCSN++ and DDPM++ (Song et al. 2021, appendix H.1, after BigGAN's): halving and doubling happen
 * inside it, with a filter; sums are divided by √2 so that their variance stays; attention is part of it.
 */
import { dropout, scaledDotProductAttention, silu, type Tensor } from '@immiscible/tensor-core';
import { type ParameterSpecs } from '../parameters.ts';
import { double, halve } from './fir.ts';
import { convolution, convolutionSpecs, dense, denseSpecs, norm, normSpecs, type Weights } from './layers.ts';

export interface BigGanPlan {
  readonly path: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Channels of the embedding of time and class. */
  readonly embeddingChannels: number;
  readonly resample: 'none' | 'down' | 'up';
  /** Taps around halving and doubling. */
  readonly filter: readonly number[];
  readonly attends: boolean;
  /** Probability that a unit is dropped, and the number that tells this block's draw from the others'. */
  readonly dropout: number;
  readonly salt: number;
}

const MOST_GROUPS = 32;
const LEAST_CHANNELS_PER_GROUP = 4;

/** Groups that a layer of so many channels is normalised in: of 4 channels and more, and 32 at most. */
export function groupsOf(channels: number): number {
  return Math.max(1, Math.min(MOST_GROUPS, Math.floor(channels / LEAST_CHANNELS_PER_GROUP)));
}

const NORM_EPS = 1e-6;
/** Queries, keys and values begin with 0.1 of the usual variance each; the three are one layer, whose fan is twice as wide. */
const ATTENTION_GAIN = Math.sqrt(0.2);

function hasSkip({ inputs, outputs, resample }: BigGanPlan): boolean {
  return inputs !== outputs || resample !== 'none';
}

export function bigGanSpecs(plan: BigGanPlan): ParameterSpecs {
  const { path, inputs, outputs } = plan;
  const attention = (): ParameterSpecs => ({
    ...normSpecs(`${path}.norm2`, outputs),
    ...convolutionSpecs(`${path}.qkv`, outputs, 3 * outputs, 1, { gain: ATTENTION_GAIN }),
    ...convolutionSpecs(`${path}.proj`, outputs, outputs, 1, { endsBranch: true }),
  });
  return {
    ...normSpecs(`${path}.norm0`, inputs),
    ...convolutionSpecs(`${path}.conv0`, inputs, outputs, 3),
    ...denseSpecs(`${path}.affine`, plan.embeddingChannels, outputs),
    ...normSpecs(`${path}.norm1`, outputs),
    ...convolutionSpecs(`${path}.conv1`, outputs, outputs, 3, { endsBranch: true }),
    ...(hasSkip(plan) ? convolutionSpecs(`${path}.skip`, inputs, outputs, 1) : {}),
    ...(plan.attends ? attention() : {}),
  };
}

/** Group normalisation in as many groups as the channels allow. */
export function normOf(weights: Weights, path: string, x: Tensor): Tensor {
  return norm(weights, path, x, { groups: groupsOf(x.shape[1]!), eps: NORM_EPS });
}

/** The branch of attention over pixels, one head: [B, C, H, W] → [B, C, H, W], without the sum. */
function attentionBranch(path: string, weights: Weights, x: Tensor): Tensor {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const pixels = normOf(weights, `${path}.norm2`, x)
    .reshape([batch, channels, height * width])
    .transpose([0, 2, 1]); // [B, L, C]
  // Row 3c + k of `qkv` makes channel c of query, key or value (k = 0, 1, 2).
  const [weight, bias] = [weights(`${path}.qkv.weight`), weights(`${path}.qkv.bias`)];
  const project = (k: number): Tensor => {
    const rows = weight.reshape([channels, 3, channels]).slice([0, k, 0], [channels, k + 1, channels]);
    const shift = bias.reshape([channels, 3]).slice([0, k], [channels, k + 1]);
    return pixels
      .reshape([batch * height * width, channels])
      .matmul(rows.reshape([channels, channels]), { transposeB: true })
      .add(shift.reshape([channels]))
      .reshape(pixels.shape);
  };
  const mixed = scaledDotProductAttention(project(0), project(1), project(2)); // [B, L, C]
  return convolution(weights, `${path}.proj`, mixed.transpose([0, 2, 1]).reshape(x.shape));
}

/**
 * @param x [B, inputs, H, W]
 * @param embedding time and class [B, embeddingChannels], after its activation
 * @param dropoutKey int32 [B, 2]; nothing is dropped without it
 * @returns [B, outputs, H', W'], H' = H, H/2 or 2H
 */
export function bigGanBlock(
  plan: BigGanPlan,
  weights: Weights,
  x: Tensor,
  embedding: Tensor,
  dropoutKey?: Tensor,
): Tensor {
  const { path, outputs, filter } = plan;
  const resample = (y: Tensor): Tensor => {
    if (plan.resample === 'none') return y;
    return plan.resample === 'down' ? halve(y, filter) : double(y, filter);
  };
  let h = resample(silu(normOf(weights, `${path}.norm0`, x)));
  h = convolution(weights, `${path}.conv0`, h, { padding: 1 }); // [B, outputs, H', W']
  h = h.add(dense(weights, `${path}.affine`, embedding).reshape([-1, outputs, 1, 1]));
  h = silu(normOf(weights, `${path}.norm1`, h));
  if (dropoutKey && plan.dropout > 0) h = dropout(h, plan.dropout, dropoutKey, plan.salt);
  h = convolution(weights, `${path}.conv1`, h, { padding: 1 });

  const shortcut = hasSkip(plan) ? convolution(weights, `${path}.skip`, resample(x)) : x;
  const sum = shortcut.add(h).mul(Math.SQRT1_2);
  return plan.attends ? attentionBranch(path, weights, sum).add(sum).mul(Math.SQRT1_2) : sum;
}
