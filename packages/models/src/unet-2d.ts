/**
 * UNet2DModel (diffusers 0.35; Ho et al. 2020, "Denoising diffusion probabilistic models", appendix B): its parameters
 * and its application, as functions of a config and a flat record under diffusers' names.
 */
import { concat, embedding, silu, type Tensor } from '@immiscible/tensor-core';
import { attention, attentionSpecs } from './blocks/attention.ts';
import {
  convolution,
  convolutionSpecs,
  norm,
  type NormOptions,
  normSpecs,
  type Weights,
} from './blocks/layers.ts';
import { resnet, resnetSpecs } from './blocks/resnet.ts';
import { sampling, samplingSpecs } from './blocks/sampling.ts';
import { fourierEmbedding, timeMlp, timeMlpSpecs, timestepEmbedding } from './blocks/time-embedding.ts';
import { checkInputs, checkMultiple, type ModelInputs, weightsOf } from './inputs.ts';
import { type ParameterSpecs } from './parameters.ts';
import { type Unet2dConfig } from './unet-2d-config.ts';
import { type BlockPlan, planUnet2d, type StagePlan, type Unet2dPlan } from './unet-2d-plan.ts';

/** Standard deviation of the Fourier frequencies that diffusers draws. */
const FOURIER_SCALE = 16;

/**
 * What a UNet2DModel is applied to. Height and width are multiples of 2^(number of blocks − 1); timesteps are above 0
 * where the time embedding is `fourier`.
 */
export type Unet2dInputs = ModelInputs;

function blockSpecs({ stages, resample }: BlockPlan): ParameterSpecs {
  const specs: ParameterSpecs = {};
  for (const stage of stages) {
    Object.assign(specs, resnetSpecs(stage.resnet), stage.attention ? attentionSpecs(stage.attention) : {});
  }
  if (resample) {
    Object.assign(specs, 'conv' in resample ? samplingSpecs(resample.conv) : resnetSpecs(resample.resnet));
  }
  return specs;
}

/** Name, shape and first values of every parameter: diffusers' state dict, in the order in which data meets them. */
export function unet2dParameters(config: Unet2dConfig): ParameterSpecs {
  const plan = planUnet2d(config);
  const specs: ParameterSpecs = {};
  if (config.time_embedding_type === 'fourier') {
    specs['time_proj.weight'] = {
      shape: [plan.baseChannels],
      init: { kind: 'normal', deviation: FOURIER_SCALE },
      trainable: false,
    };
  }
  Object.assign(specs, timeMlpSpecs('time_embedding', plan.timeInputs, plan.timeChannels));
  if (config.num_class_embeds !== null) {
    specs['class_embedding.weight'] = {
      shape: [config.num_class_embeds, plan.timeChannels],
      init: { kind: 'normal', deviation: 1 },
      trainable: true,
    };
  }
  Object.assign(specs, convolutionSpecs('conv_in', config.in_channels, plan.baseChannels, 3));
  const blocks = [...plan.down, ...(plan.middle ? [plan.middle] : []), ...plan.up];
  Object.assign(specs, ...blocks.map(blockSpecs));
  return Object.assign(
    specs,
    normSpecs('conv_norm_out', plan.baseChannels),
    convolutionSpecs('conv_out', plan.baseChannels, config.out_channels, 3, { endsBranch: true }),
  );
}

/** Timesteps and classes as one vector for each sample [B, timeChannels]. */
function condition(config: Unet2dConfig, plan: Unet2dPlan, weights: Weights, inputs: Unet2dInputs): Tensor {
  const projected =
    config.time_embedding_type === 'fourier'
      ? fourierEmbedding(inputs.timestep, weights('time_proj.weight'))
      : timestepEmbedding(inputs.timestep, {
          channels: plan.baseChannels,
          freqShift: config.freq_shift,
          flipSinToCos: config.flip_sin_to_cos,
        });
  const time = timeMlp(weights, 'time_embedding', projected.cast(inputs.sample.dtype));
  return inputs.classLabels
    ? time.add(embedding(weights('class_embedding.weight'), inputs.classLabels))
    : time;
}

/**
 * The network's prediction for noisy samples.
 *
 * Dropout needs a key: every residual block draws its own mask from it, told apart by a salt that is the block's number
 * in the order of the data (down, middle, up; residual blocks that halve or double count too; from 0). Two calls with
 * one key drop the same units, and what a sample loses does not depend on the batch around it.
 *
 * Timesteps become sines and cosines in float32, whatever the network computes in.
 *
 * @param parameters of the sample's dtype, under the names and with the shapes of `unet2dParameters(config)`; those that
 *   are not trainable may stay float32
 * @returns [B, out_channels, H, W] of the sample's dtype
 * @throws ModelInputError for an input of the wrong shape or type; ModelWeightsError for a parameter that is missing
 */
export function applyUnet2d(
  config: Unet2dConfig,
  parameters: Readonly<Record<string, Tensor>>,
  inputs: Unet2dInputs,
): Tensor {
  checkInputs(config, inputs);
  const levels = config.block_out_channels.length;
  checkMultiple(config._class_name, inputs.sample, 2 ** (levels - 1), `${levels} blocks`);
  const plan = planUnet2d(config);
  const { sample, timestep, dropoutKey } = inputs;
  const weights = weightsOf(config._class_name, parameters);
  const time = condition(config, plan, weights, inputs);
  const runStage = (stage: StagePlan, x: Tensor): Tensor => {
    const h = resnet(stage.resnet, weights, x, time, dropoutKey);
    return stage.attention ? attention(stage.attention, weights, h) : h;
  };
  const runResample = ({ resample }: BlockPlan, x: Tensor): Tensor => {
    if (!resample) return x;
    return 'conv' in resample
      ? sampling(resample.conv, weights, x)
      : resnet(resample.resnet, weights, x, time, dropoutKey);
  };

  const centred = config.center_input_sample ? sample.mul(2).sub(1) : sample;
  let h = convolution(weights, 'conv_in', centred, { padding: 1 });
  const skips = [h];
  for (const block of plan.down) {
    for (const stage of block.stages) {
      h = runStage(stage, h);
      skips.push(h);
    }
    if (block.resample) {
      h = runResample(block, h);
      skips.push(h);
    }
  }
  for (const stage of plan.middle?.stages ?? []) h = runStage(stage, h);
  for (const block of plan.up) {
    for (const stage of block.stages) h = runStage(stage, concat([h, skips.pop()!], 1));
    h = runResample(block, h);
  }

  const normOut: NormOptions = { groups: config.norm_num_groups, eps: config.norm_eps };
  h = silu(norm(weights, 'conv_norm_out', h, normOut)); // SiLU whatever act_fn says, as in diffusers
  const output = convolution(weights, 'conv_out', h, { padding: 1 });
  return config.time_embedding_type === 'fourier'
    ? output.div(timestep.cast(output.dtype).reshape([-1, 1, 1, 1]))
    : output;
}
