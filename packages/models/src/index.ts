export { describeModel, describeUnet2d, type ModelDescription } from './describe.ts';
export { ModelConfigError, ModelError, ModelInputError, ModelWeightsError } from './errors.ts';
export { type ModelInputs } from './inputs.ts';
export { initParameters, initUnet2d, type InitOptions } from './initialize.ts';
export { applyMlp, mlpParameters } from './mlp.ts';
export { type MlpConfig, mlpConfigSchema } from './mlp-config.ts';
export { applyModel, checkModelWeights, initModel, modelFromWeights, modelParameters } from './model.ts';
export {
  type ModelConfig,
  type ModelConfigInput,
  modelConfigSchema,
  parseModelConfig,
  toModelConfig,
} from './model-config.ts';
export { applyNcsnpp, ncsnppParameters } from './ncsnpp.ts';
export { type NcsnppConfig, ncsnppConfigSchema } from './ncsnpp-config.ts';
export {
  countParameters,
  type ParameterInit,
  type ParameterSpec,
  type ParameterSpecs,
} from './parameters.ts';
export {
  precondition,
  type Preconditioning,
  preconditionCoefficients,
  type PreconditionCoefficients,
  type PreconditionOptions,
} from './precondition.ts';
export { applyUnet2d, type Unet2dInputs, unet2dParameters } from './unet-2d.ts';
export {
  parseUnet2dConfig,
  toUnet2dConfig,
  type Unet2dConfig,
  type Unet2dConfigInput,
  unet2dConfigSchema,
} from './unet-2d-config.ts';
export { checkUnet2dWeights, normalizeWeightNames, unet2dFromWeights } from './weights.ts';
