/**
 * A multilayer perceptron for data of few numbers, such as points in the plane: each hidden layer is given the time (and
 * the class) as a shift, as the residual blocks of Ho et al. 2020 are. Names follow diffusers' where it has one.
 */
import { dropout, embedding, type Tensor } from '@immiscible/tensor-core';
import { activate } from './blocks/activation.ts';
import { dense, denseSpecs } from './blocks/layers.ts';
import { timeMlp, timeMlpSpecs, timestepEmbedding } from './blocks/time-embedding.ts';
import { sidesOf } from './config-fields.ts';
import { checkInputs, checkSize, type ModelInputs, weightsOf } from './inputs.ts';
import { type MlpConfig } from './mlp-config.ts';
import { type ParameterSpecs } from './parameters.ts';

/** Name, shape and first values of every parameter, in the order in which data meets them. */
export function mlpParameters(config: MlpConfig): ParameterSpecs {
  const { time_embedding_dim: time, hidden_channels: hidden, num_class_embeds: classes } = config;
  const [height, width] = sidesOf(config.sample_size);
  const specs = timeMlpSpecs('time_embedding', time, time);
  if (classes !== null) {
    const init = { kind: 'normal', deviation: 1 } as const;
    specs['class_embedding.weight'] = { shape: [classes, time], init, trainable: true };
  }
  hidden.forEach((units, i) => {
    const inputs = hidden[i - 1] ?? config.in_channels * height * width;
    Object.assign(
      specs,
      denseSpecs(`layers.${i}.linear`, inputs, units),
      denseSpecs(`layers.${i}.time_emb_proj`, time, units),
    );
  });
  const outputs = config.out_channels * height * width;
  return Object.assign(specs, denseSpecs('linear_out', hidden.at(-1)!, outputs, { endsBranch: true }));
}

/**
 * The network's prediction for noisy samples. Each hidden layer draws its own dropout mask from the key, told apart by
 * its number.
 *
 * @param parameters of the sample's dtype, under the names and with the shapes of `mlpParameters(config)`
 * @returns [B, out_channels, H, W] of the sample's dtype
 * @throws ModelInputError for an input of the wrong shape or type; ModelWeightsError for a parameter that is missing
 */
export function applyMlp(
  config: MlpConfig,
  parameters: Readonly<Record<string, Tensor>>,
  inputs: ModelInputs,
): Tensor {
  const { sample, timestep, classLabels, dropoutKey } = inputs;
  const size = sidesOf(config.sample_size);
  checkInputs(config, inputs);
  checkSize(config._class_name, sample, size);
  const weights = weightsOf(config._class_name, parameters);

  const angles = timestepEmbedding(timestep.cast('float32').mul(config.time_scale), {
    channels: config.time_embedding_dim,
    freqShift: 0,
    flipSinToCos: true,
  });
  let time = timeMlp(weights, 'time_embedding', angles.cast(sample.dtype));
  if (classLabels) time = time.add(embedding(weights('class_embedding.weight'), classLabels));
  time = activate(config.act_fn, time); // [B, time_embedding_dim]

  const batch = sample.shape[0]!;
  let h = sample.reshape([batch, config.in_channels * size[0] * size[1]]);
  config.hidden_channels.forEach((_, i) => {
    const shift = dense(weights, `layers.${i}.time_emb_proj`, time);
    h = activate(config.act_fn, dense(weights, `layers.${i}.linear`, h).add(shift));
    if (dropoutKey && config.dropout > 0) h = dropout(h, config.dropout, dropoutKey, i);
  });
  return dense(weights, 'linear_out', h).reshape([batch, config.out_channels, ...size]);
}
