/**
 * NCSN++ and DDPM++ (Song et al. 2021, appendix H; the networks of Karras et al. 2022 and of "Consistency models" on
 * CIFAR-10): parameters and application, as functions of a config and a flat record. Parameters are named as in the
 * networks that Karras et al. published.
 */
import { concat, embedding, silu, type Tensor } from '@immiscible/tensor-core';
import { bigGanBlock, bigGanSpecs, normOf } from './blocks/biggan.ts';
import { halve } from './blocks/fir.ts';
import {
  convolution,
  convolutionSpecs,
  dense,
  denseSpecs,
  normSpecs,
  type Weights,
} from './blocks/layers.ts';
import { fourierFeatures, timestepEmbedding } from './blocks/time-embedding.ts';
import { checkInputs, checkMultiple, type ModelInputs, weightsOf } from './inputs.ts';
import { type NcsnppConfig } from './ncsnpp-config.ts';
import { type NcsnppPlan, type NcsnppStep, planNcsnpp } from './ncsnpp-plan.ts';
import { type ParameterSpecs } from './parameters.ts';

const FREQUENCIES = 'map_noise.freqs';

function stepSpecs(step: NcsnppStep): ParameterSpecs {
  return step.kind === 'block'
    ? bigGanSpecs(step.block)
    : convolutionSpecs(step.path, step.inputs, step.outputs, 3);
}

/** Name, shape and first values of every parameter, in the order in which data meets them. */
export function ncsnppParameters(config: NcsnppConfig): ParameterSpecs {
  const plan = planNcsnpp(config);
  const { noiseChannels, embeddingChannels, lastPath, lastChannels } = plan;
  const specs: ParameterSpecs = {};
  if (config.embedding_type === 'fourier') {
    specs[FREQUENCIES] = {
      shape: [noiseChannels / 2],
      init: { kind: 'normal', deviation: config.fourier_scale },
      trainable: false,
    };
  }
  if (config.num_class_embeds !== null) {
    Object.assign(specs, denseSpecs('map_label', config.num_class_embeds, noiseChannels));
  }
  Object.assign(
    specs,
    denseSpecs('map_layer0', noiseChannels, embeddingChannels),
    denseSpecs('map_layer1', embeddingChannels, embeddingChannels),
  );
  for (const step of [...plan.down, ...plan.up]) Object.assign(specs, stepSpecs(step));
  return Object.assign(
    specs,
    normSpecs(`${lastPath}_norm`, lastChannels),
    convolutionSpecs(`${lastPath}_conv`, lastChannels, config.out_channels, 3, { endsBranch: true }),
  );
}

/** Timesteps and classes as one vector for each sample [B, embeddingChannels]. */
function condition(config: NcsnppConfig, plan: NcsnppPlan, weights: Weights, inputs: ModelInputs): Tensor {
  const t = inputs.timestep.cast('float32').mul(config.time_scale);
  const features =
    config.embedding_type === 'fourier'
      ? fourierFeatures(t, weights(FREQUENCIES))
      : timestepEmbedding(t, { channels: plan.noiseChannels, freqShift: 1, flipSinToCos: false });
  let vector = features.cast(inputs.sample.dtype);
  if (inputs.classLabels) {
    // A linear layer of one-hot labels that are scaled to unit variance: a column of its weight.
    const columns = weights('map_label.weight').transpose([1, 0]).mul(Math.sqrt(config.num_class_embeds!));
    vector = vector.add(embedding(columns, inputs.classLabels)).add(weights('map_label.bias'));
  }
  return silu(dense(weights, 'map_layer1', silu(dense(weights, 'map_layer0', vector))));
}

/**
 * The network's raw prediction for noisy samples: F of the preconditioning.
 *
 * Each residual block draws its own dropout mask from the key, told apart by its number in the order of the data.
 *
 * @param inputs height and width of the sample are multiples of 2^(levels − 1)
 * @param parameters of the sample's dtype, under the names and with the shapes of `ncsnppParameters(config)`; Fourier
 *   frequencies may stay float32
 * @returns [B, out_channels, H, W] of the sample's dtype
 * @throws ModelInputError for an input of the wrong shape or type; ModelWeightsError for a parameter that is missing
 */
export function applyNcsnpp(
  config: NcsnppConfig,
  parameters: Readonly<Record<string, Tensor>>,
  inputs: ModelInputs,
): Tensor {
  const { sample, dropoutKey } = inputs;
  checkInputs(config, inputs);
  const levels = config.channel_mult.length;
  checkMultiple(config._class_name, sample, 2 ** (levels - 1), `${levels} levels`);
  const plan = planNcsnpp(config);
  const weights = weightsOf(config._class_name, parameters);
  const time = condition(config, plan, weights, inputs);
  const filter = config.resample_filter;

  let h = sample;
  let image = sample; // what the residual encoder carries along
  const skips: Tensor[] = [];
  for (const step of plan.down) {
    switch (step.kind) {
      case 'first':
        skips.push((h = convolution(weights, step.path, h, { padding: 1 })));
        break;
      case 'block':
        skips.push((h = bigGanBlock(step.block, weights, h, time, dropoutKey)));
        break;
      case 'image': {
        // The convolution looks as far beyond the edge as the filter does.
        const wide = convolution(weights, step.path, image, { padding: filter.length / 2 });
        image = h = h.add(halve(wide, filter, 0)).mul(Math.SQRT1_2);
        skips[skips.length - 1] = h;
      }
    }
  }
  for (const step of plan.up) {
    const input = step.joins ? concat([h, skips.pop()!], 1) : h;
    h = bigGanBlock(step.block, weights, input, time, dropoutKey);
  }
  h = silu(normOf(weights, `${plan.lastPath}_norm`, h));
  return convolution(weights, `${plan.lastPath}_conv`, h, { padding: 1 });
}
