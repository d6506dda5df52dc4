/** One set of functions for every architecture: what trainers and samplers call, whatever network a config names. */
import { type StoredTensor, type Tensor } from '@immiscible/tensor-core';
import { type InitOptions, initParameters } from './initialize.ts';
import { type ModelInputs } from './inputs.ts';
import { applyMlp, mlpParameters } from './mlp.ts';
import { type ModelConfig } from './model-config.ts';
import { applyNcsnpp, ncsnppParameters } from './ncsnpp.ts';
import { type ParameterSpecs } from './parameters.ts';
import { applyUnet2d, unet2dParameters } from './unet-2d.ts';
import { checkWeights, fromWeights, normalizeNcsnppNames, normalizeWeightNames } from './weights.ts';

/** Name, shape and first values of every parameter, in the order in which data meets them. */
export function modelParameters(config: ModelConfig): ParameterSpecs {
  switch (config._class_name) {
    case 'UNet2DModel':
      return unet2dParameters(config);
    case 'NCSNpp':
      return ncsnppParameters(config);
    case 'MLP':
      return mlpParameters(config);
  }
}

/**
 * First values for every parameter of a model.
 *
 * NCSN++ is defined with the beginning that its papers give it, fan_avg and branches that end in 0, so an NCSNpp begins
 * so whatever `zeroInit` says, and with `xavier` unless another scheme is asked for; `initParameters` with
 * `modelParameters(config)` draws it otherwise.
 *
 * @param seed a whole number from 0 to 2^53 − 1
 * @returns float32 tensors on the host, by name
 */
export function initModel(
  config: ModelConfig,
  seed: number,
  options: InitOptions = {},
): Record<string, Tensor> {
  const own: InitOptions =
    config._class_name === 'NCSNpp' ? { scheme: 'xavier', ...options, zeroInit: true } : options;
  return initParameters(modelParameters(config), seed, own);
}

/**
 * The raw prediction of a model for noisy samples; preconditioning is around it (`precondition`), or in the sampler.
 *
 * @param parameters of the sample's dtype, under the names and with the shapes of `modelParameters(config)`; those that
 *   are not trainable may stay float32
 * @returns [B, out_channels, H, W] of the sample's dtype
 * @throws ModelInputError for an input of the wrong shape or type; ModelWeightsError for a parameter that is missing
 */
export function applyModel(
  config: ModelConfig,
  parameters: Readonly<Record<string, Tensor>>,
  inputs: ModelInputs,
): Tensor {
  switch (config._class_name) {
    case 'UNet2DModel':
      return applyUnet2d(config, parameters, inputs);
    case 'NCSNpp':
      return applyNcsnpp(config, parameters, inputs);
    case 'MLP':
      return applyMlp(config, parameters, inputs);
  }
}

/**
 * Checks that `weights` are those of this config: every parameter there, none besides, each of its shape.
 *
 * @param weights tensors, or anything with a shape, by name
 * @throws ModelWeightsError that counts what is missing, unexpected and misshapen, and names the first of each
 */
export function checkModelWeights(
  config: ModelConfig,
  weights: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): void {
  checkWeights(config._class_name, modelParameters(config), weights);
}

/**
 * The parameters of a model from stored arrays: names of old files and of Karras et al.'s mapped (`normalizeWeightNames`,
 * `normalizeNcsnppNames`), checked against the config, half precision widened.
 *
 * @returns float32 tensors on the host, in the order of `modelParameters`
 * @throws ModelWeightsError where they are not those of this config, or not of floating point
 */
export function modelFromWeights(
  config: ModelConfig,
  stored: Readonly<Record<string, StoredTensor>>,
): Record<string, Tensor> {
  return fromWeights(config._class_name, modelParameters(config), ourNames(config, stored));
}

function ourNames(
  config: ModelConfig,
  stored: Readonly<Record<string, StoredTensor>>,
): Readonly<Record<string, StoredTensor>> {
  switch (config._class_name) {
    case 'UNet2DModel':
      return normalizeWeightNames(stored);
    case 'NCSNpp':
      return normalizeNcsnppNames(stored);
    case 'MLP':
      return stored;
  }
}
