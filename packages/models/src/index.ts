export { describeUnet2d, type ModelDescription } from './describe.ts';
export { ModelConfigError, ModelError, ModelInputError, ModelWeightsError } from './errors.ts';
export { initParameters, initUnet2d, type InitOptions } from './initialize.ts';
export {
  countParameters,
  type ParameterInit,
  type ParameterSpec,
  type ParameterSpecs,
} from './parameters.ts';
export { applyUnet2d, type Unet2dInputs, unet2dParameters } from './unet-2d.ts';
export {
  parseUnet2dConfig,
  toUnet2dConfig,
  type Unet2dConfig,
  type Unet2dConfigInput,
  unet2dConfigSchema,
} from './unet-2d-config.ts';
export { checkUnet2dWeights, normalizeWeightNames, unet2dFromWeights } from './weights.ts';
