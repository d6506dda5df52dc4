/**
 * The residual block (diffusers' ResnetBlock2D; Ho et al. 2020, appendix B): norm, activation, convolution, time, norm,
 * activation, dropout, convolution, and the input added. It may halve or double the image on its way (Dhariwal &
 * Nichol 2021), and take time as a shift before the second norm or as scale and shift after it.
 */
import { avgPool2d, dropout, type Tensor, upsampleNearest2d } from '@immiscible/tensor-core';
import { type ParameterSpecs } from '../parameters.ts';
import { activate, type ActivationName } from './activation.ts';
import {
  convolution,
  convolutionSpecs,
  dense,
  denseSpecs,
  norm,
  type NormOptions,
  normSpecs,
  type Weights,
} from './layers.ts';

export interface ResnetPlan {
  readonly path: string;
  readonly inputs: number;
  readonly outputs: number;
  /** Channels of the time embedding. */
  readonly timeChannels: number;
  readonly norm: NormOptions;
  readonly activation: ActivationName;
  readonly scaleShift: boolean;
  readonly resample: 'none' | 'down' | 'up';
  /** The sum is divided by it. */
  readonly outputScale: number;
  /** Probability that a unit is dropped, and the number that tells this block's draw from the others'. */
  readonly dropout: number;
  readonly salt: number;
}

export function resnetSpecs({ path, inputs, outputs, timeChannels, scaleShift }: ResnetPlan): ParameterSpecs {
  return {
    ...normSpecs(`${path}.norm1`, inputs),
    ...convolutionSpecs(`${path}.conv1`, inputs, outputs, 3),
    ...denseSpecs(`${path}.time_emb_proj`, timeChannels, scaleShift ? 2 * outputs : outputs),
    ...normSpecs(`${path}.norm2`, outputs),
    ...convolutionSpecs(`${path}.conv2`, outputs, outputs, 3, { endsBranch: true }),
    ...(inputs === outputs ? {} : convolutionSpecs(`${path}.conv_shortcut`, inputs, outputs, 1)),
  };
}

function resample(how: ResnetPlan['resample'], x: Tensor): Tensor {
  switch (how) {
    case 'none':
      return x;
    case 'down':
      return avgPool2d(x, { kernel: 2 });
    case 'up':
      return upsampleNearest2d(x, 2);
  }
}

/**
 * @param x [B, inputs, H, W]
 * @param time the time embedding [B, timeChannels]
 * @param dropoutKey int32 [B, 2]; nothing is dropped without it
 * @returns [B, outputs, H', W'], H' = H, H/2 or 2H
 */
export function resnet(
  plan: ResnetPlan,
  weights: Weights,
  x: Tensor,
  time: Tensor,
  dropoutKey?: Tensor,
): Tensor {
  const { path, activation, outputs } = plan;
  let h = activate(activation, norm(weights, `${path}.norm1`, x, plan.norm));
  h = convolution(weights, `${path}.conv1`, resample(plan.resample, h), { padding: 1 }); // [B, outputs, H', W']

  const projected = dense(weights, `${path}.time_emb_proj`, activate(activation, time));
  const batch = time.shape[0]!;
  const perChannel = (from: number): Tensor =>
    projected.slice([0, from], [batch, from + outputs]).reshape([batch, outputs, 1, 1]);
  if (plan.scaleShift) {
    h = norm(weights, `${path}.norm2`, h, plan.norm);
    h = h.mul(perChannel(0).add(1)).add(perChannel(outputs));
  } else {
    h = norm(weights, `${path}.norm2`, h.add(projected.reshape([batch, outputs, 1, 1])), plan.norm);
  }

  h = activate(activation, h);
  if (dropoutKey && plan.dropout > 0) h = dropout(h, plan.dropout, dropoutKey, plan.salt);
  h = convolution(weights, `${path}.conv2`, h, { padding: 1 });

  let shortcut = resample(plan.resample, x);
  if (plan.inputs !== outputs) shortcut = convolution(weights, `${path}.conv_shortcut`, shortcut);
  const sum = shortcut.add(h);
  return plan.outputScale === 1 ? sum : sum.div(plan.outputScale);
}
