/** The fields that several schedulers' configs share, with diffusers' defaults, and how a wrong value is told. */
import * as z from 'zod';

/** One of `values`; names the field's alternatives. `others`: what to say of values that mean something elsewhere. */
export function oneOf<const V extends readonly string[]>(
  values: V,
  others: Readonly<Record<string, string>> = {},
) {
  return z.enum(values, {
    error: ({ input }) => {
      const known = typeof input === 'string' && Object.hasOwn(others, input) ? ` (${others[input]})` : '';
      return `wanted ${values.map((v) => `"${v}"`).join(' | ')}, got ${JSON.stringify(input)}${known}`;
    },
  });
}

/** A switch of diffusers that can only be off here; `instead` says what to do. */
export function alwaysOff(instead: string) {
  return z
    .literal(false, {
      error: ({ input }) => `wanted false, got ${JSON.stringify(input)}: ${instead}`,
    })
    .default(false);
}

/** A number for which `unbounded` (±Infinity) means no bound. It becomes null, which JSON can hold. */
export function boundOrNull(unbounded: number) {
  return z
    .custom<number | null>(
      (value) =>
        value === null || value === unbounded || (typeof value === 'number' && Number.isFinite(value)),
      {
        error: ({ input }) => `wanted a number, ${unbounded} or null for none, got ${JSON.stringify(input)}`,
      },
    )
    .transform((value) => (value === unbounded ? null : value))
    .default(null);
}

export const timestepSpacing = oneOf(['leading', 'trailing', 'linspace']);
export const predictionType = oneOf(['epsilon', 'sample', 'v_prediction'], {
  flow_prediction: 'flow-matching networks are sampled with FlowMatchEulerDiscreteScheduler',
});
const learned = 'diffusers has it, this package does not';
export const varianceType = oneOf(['fixed_small', 'fixed_small_log', 'fixed_large', 'fixed_large_log'], {
  learned,
  learned_range: learned,
});
export const switchedOff = z.boolean().default(false);
export const positive = z.number().positive();

const beta = z.number().gt(0).lt(1);
const sigmoid = 'DDPMScheduler alone has it';
const exp = 'HeunDiscreteScheduler alone has it';
const betaSchedule = oneOf(['linear', 'scaled_linear', 'squaredcos_cap_v2'], { sigmoid, exp });
export const ddpmBetaSchedule = oneOf([...betaSchedule.options, 'sigmoid'], { exp });
export const heunBetaSchedule = oneOf([...betaSchedule.options, 'exp'], { sigmoid });

/** In the file of every scheduler. */
export const writtenBy = { _diffusers_version: z.string().default('0.35.2') };

/** Of every scheduler that is built on β_1 … β_T. */
export const betaFields = {
  ...writtenBy,
  num_train_timesteps: z.int().min(1).default(1000),
  beta_start: beta.default(0.0001),
  beta_end: beta.default(0.02),
  beta_schedule: betaSchedule.default('linear'),
  trained_betas: z.array(z.number().gt(0).max(1)).min(1).nullable().default(null),
  prediction_type: predictionType.default('epsilon'),
  steps_offset: z.int().min(0).default(0),
};

/** How x̂_0 is kept in range. */
export const clipFields = {
  clip_sample: z.boolean().default(true),
  clip_sample_range: positive.default(1),
};

/** The same by a quantile of each sample's own; it takes the place of `clip_sample`. */
export const thresholdingFields = {
  thresholding: switchedOff,
  dynamic_thresholding_ratio: z.number().default(0.995),
  sample_max_value: z.number().default(1),
};

/** Other spacings of the noise levels σ; at most one can be switched on. */
export const sigmaSpacingFields = {
  use_karras_sigmas: switchedOff,
  use_exponential_sigmas: switchedOff,
  use_beta_sigmas: alwaysOff(
    'σ at quantiles of a beta distribution are not supported; use use_karras_sigmas',
  ),
};

export const finalSigmas = oneOf(['zero', 'sigma_min']).default('zero');
