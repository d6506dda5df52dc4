/**
 * Scheduler configs are diffusers' `scheduler_config.json`, field by field, so that a model folder is opened by either
 * library. What diffusers knows and this package does not is an error that names the field; fields that neither
 * class has are kept and written back.
 */
import * as z from 'zod';
import { SchedulerConfigError } from './errors.ts';

/** One of `values`; names the field's alternatives, and says so when diffusers would have taken the value. */
function oneOf<const V extends readonly string[]>(values: V, onlyInDiffusers: readonly string[] = []) {
  return z.enum(values, {
    error: ({ input }) => {
      const known = onlyInDiffusers.includes(String(input))
        ? ' (diffusers has it, this package does not)'
        : '';
      return `wanted ${values.map((v) => `"${v}"`).join(' | ')}, got ${JSON.stringify(input)}${known}`;
    },
  });
}

const predictionType = oneOf(['epsilon', 'sample', 'v_prediction']);
const timestepSpacing = oneOf(['leading', 'trailing', 'linspace']);
const varianceType = oneOf(
  ['fixed_small', 'fixed_small_log', 'fixed_large', 'fixed_large_log'],
  ['learned', 'learned_range'],
);
const beta = z.number().gt(0).lt(1);

/** What DDPMScheduler and DDIMScheduler share, with diffusers' defaults. */
const sharedFields = {
  _diffusers_version: z.string().default('0.35.2'),
  num_train_timesteps: z.int().min(1).default(1000),
  beta_start: beta.default(0.0001),
  beta_end: beta.default(0.02),
  beta_schedule: oneOf(['linear', 'scaled_linear', 'squaredcos_cap_v2'], ['sigmoid']).default('linear'),
  trained_betas: z.array(z.number().gt(0).max(1)).min(1).nullable().default(null),
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  prediction_type: predictionType.default('epsilon'),
  timestep_spacing: timestepSpacing.default('leading'),
  steps_offset: z.int().min(0).default(0),
  rescale_betas_zero_snr: z.boolean().default(false),
  thresholding: z
    .literal(false, {
      error: ({ input }) =>
        `wanted false, got ${JSON.stringify(input)}: dynamic thresholding is not supported; use clip_sample`,
    })
    .default(false),
  // Of use with thresholding only; kept so that a file written here has the fields of one written by diffusers.
  dynamic_thresholding_ratio: z.number().default(0.995),
  sample_max_value: z.number().default(1),
};

const ddpmSchema = z.looseObject({
  _class_name: z.literal('DDPMScheduler'),
  ...sharedFields,
  variance_type: varianceType.default('fixed_small'),
});

const ddimSchema = z.looseObject({
  _class_name: z.literal('DDIMScheduler'),
  ...sharedFields,
  set_alpha_to_one: z.boolean().default(true),
});

/** zod schema of a scheduler config; `parseSchedulerConfig` wraps it with readable errors. */
export const schedulerConfigSchema = z
  .discriminatedUnion('_class_name', [ddpmSchema, ddimSchema], {
    error: ({ input }) => {
      const name = (input as { _class_name?: unknown } | null)?._class_name;
      return `wanted an object whose _class_name is "DDPMScheduler" | "DDIMScheduler", got _class_name ${JSON.stringify(name)}`;
    },
  })
  .superRefine((config, context) => {
    const { trained_betas: betas, num_train_timesteps: T } = config;
    if (betas !== null && betas.length !== T) {
      context.addIssue({
        code: 'custom',
        path: ['trained_betas'],
        message: `wanted one beta for each of the ${T} timesteps (num_train_timesteps), got ${betas.length}`,
      });
    }
  });

/** A complete config: diffusers' field names and meanings, every default filled in. */
export type SchedulerConfig = z.output<typeof schedulerConfigSchema>;
/** What `parseSchedulerConfig` takes: `_class_name` and any of the other fields. */
export type SchedulerConfigInput = z.input<typeof schedulerConfigSchema>;
export type SchedulerName = SchedulerConfig['_class_name'];
export type BetaScheduleName = SchedulerConfig['beta_schedule'];
export type PredictionType = z.output<typeof predictionType>;
export type TimestepSpacing = z.output<typeof timestepSpacing>;
export type VarianceType = z.output<typeof varianceType>;

/**
 * Reads a diffusers `scheduler_config.json`.
 *
 * @param json the file's text, or the object parsed from it; missing fields get diffusers' defaults
 * @throws SchedulerConfigError naming each field that is wrong or not supported
 */
export function parseSchedulerConfig(json: unknown): SchedulerConfig {
  let value = json;
  if (typeof json === 'string') {
    try {
      value = JSON.parse(json);
    } catch (error) {
      throw new SchedulerConfigError(
        `scheduler config: wanted JSON, got text that does not parse (${(error as Error).message})`,
        { cause: error },
      );
    }
  }
  const result = schedulerConfigSchema.safeParse(value);
  if (!result.success) {
    const lines = result.error.issues.map((issue) => `${issue.path.join('.') || '(top)'}: ${issue.message}`);
    throw new SchedulerConfigError(`scheduler config: ${lines.join('; ')}`);
  }
  return result.data;
}

/**
 * The config as diffusers writes it: a plain record with sorted keys, ready for `JSON.stringify(…, null, 2)`. Fields that
 * came from a file and are not ours are in it unchanged.
 *
 * @throws SchedulerConfigError if the config was changed into one that could not be read back
 */
export function toSchedulerConfig(config: SchedulerConfig): Record<string, unknown> {
  const checked = parseSchedulerConfig(config);
  return Object.fromEntries(
    Object.entries(checked)
      .filter(([, value]) => value !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/**
 * The same schedule under another scheduler's name, as diffusers' `Scheduler.from_config(other.config)` does: fields of
 * both classes are taken over, fields of the old class alone are kept as extras, new ones get their defaults.
 */
export function asScheduler(config: SchedulerConfig, name: SchedulerName): SchedulerConfig {
  return parseSchedulerConfig({ ...config, _class_name: name });
}
