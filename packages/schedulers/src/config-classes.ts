/** The config of each scheduler class: its fields in diffusers' order of use, and diffusers' defaults. */
import * as z from 'zod';
import {
  alwaysOff,
  betaFields,
  boundOrNull,
  clipFields,
  ddpmBetaSchedule,
  finalSigmas,
  heunBetaSchedule,
  oneOf,
  positive,
  predictionType,
  sigmaSpacingFields,
  switchedOff,
  thresholdingFields,
  timestepSpacing,
  varianceType,
  writtenBy,
} from './config-fields.ts';

export const ddpmSchema = z.looseObject({
  _class_name: z.literal('DDPMScheduler'),
  ...betaFields,
  ...clipFields,
  ...thresholdingFields,
  beta_schedule: ddpmBetaSchedule.default('linear'),
  timestep_spacing: timestepSpacing.default('leading'),
  rescale_betas_zero_snr: switchedOff,
  variance_type: varianceType.default('fixed_small'),
});

export const ddimSchema = z.looseObject({
  _class_name: z.literal('DDIMScheduler'),
  ...betaFields,
  ...clipFields,
  ...thresholdingFields,
  timestep_spacing: timestepSpacing.default('leading'),
  rescale_betas_zero_snr: switchedOff,
  set_alpha_to_one: z.boolean().default(true),
});

export const pndmSchema = z.looseObject({
  _class_name: z.literal('PNDMScheduler'),
  ...betaFields,
  prediction_type: oneOf(['epsilon', 'v_prediction']).default('epsilon'),
  timestep_spacing: timestepSpacing.default('leading'),
  skip_prk_steps: switchedOff,
  set_alpha_to_one: switchedOff,
});

export const eulerSchema = z.looseObject({
  _class_name: z.literal('EulerDiscreteScheduler'),
  ...betaFields,
  ...sigmaSpacingFields,
  timestep_spacing: timestepSpacing.default('linspace'),
  timestep_type: oneOf(['discrete', 'continuous']).default('discrete'),
  interpolation_type: oneOf(['linear', 'log_linear']).default('linear'),
  sigma_min: positive.nullable().default(null),
  sigma_max: positive.nullable().default(null),
  rescale_betas_zero_snr: switchedOff,
  final_sigmas_type: finalSigmas,
});

export const heunSchema = z.looseObject({
  _class_name: z.literal('HeunDiscreteScheduler'),
  ...betaFields,
  ...sigmaSpacingFields,
  beta_start: betaFields.beta_start.unwrap().default(0.00085),
  beta_end: betaFields.beta_end.unwrap().default(0.012),
  beta_schedule: heunBetaSchedule.default('linear'),
  clip_sample: switchedOff,
  clip_sample_range: positive.default(1),
  timestep_spacing: timestepSpacing.default('linspace'),
});

export const dpmSolverSchema = z.looseObject({
  _class_name: z.literal('DPMSolverMultistepScheduler'),
  ...betaFields,
  ...thresholdingFields,
  ...sigmaSpacingFields,
  timestep_spacing: timestepSpacing.default('linspace'),
  solver_order: z.int().min(1).max(3).default(2),
  // As in diffusers, "deis" is dpmsolver++, and "logrho", "bh1" and "bh2", of DEIS and UniPC, are midpoint.
  algorithm_type: oneOf(['dpmsolver++', 'sde-dpmsolver++', 'dpmsolver', 'sde-dpmsolver', 'deis']).default(
    'dpmsolver++',
  ),
  solver_type: oneOf(['midpoint', 'heun', 'logrho', 'bh1', 'bh2']).default('midpoint'),
  lower_order_final: z.boolean().default(true),
  euler_at_final: switchedOff,
  final_sigmas_type: finalSigmas,
  // diffusers' default is -Infinity, which its files spell out although JSON has no such number; null here.
  lambda_min_clipped: boundOrNull(-Infinity),
  rescale_betas_zero_snr: switchedOff,
  // Only says whether the network gives variances besides; those of DDPM do not matter here.
  variance_type: varianceType.nullable().default(null),
  use_lu_lambdas: switchedOff,
  use_flow_sigmas: alwaysOff('flow-matching networks are sampled with FlowMatchEulerDiscreteScheduler'),
  flow_shift: z.number().nullable().default(1),
  use_dynamic_shifting: alwaysOff('it is for flow matching; use FlowMatchEulerDiscreteScheduler'),
  time_shift_type: oneOf(['exponential', 'linear']).default('exponential'),
});

export const consistencySchema = z.looseObject({
  _class_name: z.literal('CMStochasticIterativeScheduler'),
  ...writtenBy,
  num_train_timesteps: z.int().min(2).default(40),
  sigma_min: positive.default(0.002),
  sigma_max: positive.default(80),
  sigma_data: positive.default(0.5),
  s_noise: z.number().min(0).default(1),
  rho: positive.default(7),
  clip_denoised: z.boolean().default(true),
});

export const flowMatchSchema = z.looseObject({
  _class_name: z.literal('FlowMatchEulerDiscreteScheduler'),
  ...writtenBy,
  ...sigmaSpacingFields,
  num_train_timesteps: z.int().min(1).default(1000),
  shift: positive.default(1),
  use_dynamic_shifting: switchedOff,
  // These five say how a pipeline finds μ from the image size; whoever samples passes μ.
  base_shift: z.number().nullable().default(0.5),
  max_shift: z.number().nullable().default(1.15),
  base_image_seq_len: z.number().nullable().default(256),
  max_image_seq_len: z.number().nullable().default(4096),
  time_shift_type: oneOf(['exponential', 'linear']).default('exponential'),
  // 0 is none, as null is.
  shift_terminal: z.number().min(0).lt(1).nullable().default(null),
  invert_sigmas: switchedOff,
  stochastic_sampling: switchedOff,
});

/** diffusers has no such class (its EDMEulerScheduler is first order); the fields are named as in the paper's code. */
export const edmHeunSchema = z.looseObject({
  _class_name: z.literal('EDMHeunScheduler'),
  ...writtenBy,
  num_steps: z.int().min(1).default(18),
  sigma_min: positive.default(0.002),
  sigma_max: positive.default(80),
  sigma_data: positive.default(0.5),
  rho: positive.default(7),
  S_churn: z.number().min(0).default(0),
  S_min: z.number().min(0).default(0),
  S_max: boundOrNull(Infinity),
  S_noise: z.number().min(0).default(1),
});

export { predictionType, timestepSpacing, varianceType };
