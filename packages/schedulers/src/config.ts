/**
 * Scheduler configs are diffusers' `scheduler_config.json`, field by field, so that a model folder is opened by either
 * library. What diffusers knows and this package does not is an error that names the field; fields that the
 * class does not have are kept and written back.
 */
import * as z from 'zod';
import * as classes from './config-classes.ts';
import { SchedulerConfigError } from './errors.ts';

const schemas = [
  classes.ddpmSchema,
  classes.ddimSchema,
  classes.pndmSchema,
  classes.eulerSchema,
  classes.heunSchema,
  classes.dpmSolverSchema,
  classes.consistencySchema,
  classes.flowMatchSchema,
  classes.edmHeunSchema,
] as const;

/** Every class that a config may name: diffusers' own names, and `EDMHeunScheduler`. */
export const schedulerNames: readonly SchedulerName[] = schemas.map(({ shape }) => shape._class_name.value);

/** zod schema of a scheduler config; `parseSchedulerConfig` wraps it with readable errors. */
export const schedulerConfigSchema = z
  .discriminatedUnion('_class_name', schemas, {
    error: ({ input }) => {
      const name = (input as { _class_name?: unknown } | null)?._class_name;
      const wanted = schedulerNames.map((known) => `"${known}"`).join(' | ');
      return `wanted an object whose _class_name is ${wanted}, got _class_name ${JSON.stringify(name)}`;
    },
  })
  .superRefine((config, context) => {
    for (const { field, message } of contradictions(config)) {
      context.addIssue({ code: 'custom', path: [field], message });
    }
  });

/** Fields that are right one by one and do not go together. */
function contradictions(config: SchedulerConfig): { field: string; message: string }[] {
  const found: { field: string; message: string }[] = [];
  const refuse: Refuse = (field, message) => void found.push({ field, message });
  if (hasBetas(config)) {
    const { trained_betas: betas, num_train_timesteps: T } = config;
    if (betas !== null && betas.length !== T) {
      refuse(
        'trained_betas',
        `wanted one beta for each of the ${T} timesteps (num_train_timesteps), got ${betas.length}`,
      );
    }
  }
  if (config.use_karras_sigmas === true && config.use_exponential_sigmas === true) {
    refuse('use_exponential_sigmas', 'wanted false where use_karras_sigmas is true, got true; choose one');
  }
  const { sigma_min: low, sigma_max: high } = config;
  if (typeof low === 'number' && typeof high === 'number' && low >= high) {
    refuse('sigma_min', `wanted less than sigma_max ${high}, got ${low}`);
  }
  switch (config._class_name) {
    case 'DDPMScheduler':
    case 'DDIMScheduler':
      refuseThreshold(config, refuse);
      break;
    case 'DPMSolverMultistepScheduler':
      refuseThreshold(config, refuse);
      refuseSolver(config, refuse);
      break;
    case 'FlowMatchEulerDiscreteScheduler':
      if (config.invert_sigmas && config.stochastic_sampling) {
        refuse(
          'stochastic_sampling',
          'wanted false where invert_sigmas is true, got true: its noise grows with σ, which ends at 1',
        );
      }
      break;
    default:
  }
  return found;
}

type Refuse = (field: string, message: string) => void;

function refuseThreshold(
  config: ConfigOf<'DDPMScheduler' | 'DDIMScheduler' | 'DPMSolverMultistepScheduler'>,
  refuse: Refuse,
): void {
  if (!config.thresholding) return;
  const { dynamic_thresholding_ratio: ratio, sample_max_value: most } = config;
  if (!(ratio >= 0 && ratio <= 1)) {
    refuse('dynamic_thresholding_ratio', `wanted a quantile from 0 to 1 with thresholding, got ${ratio}`);
  }
  if (!(most > 0)) refuse('sample_max_value', `wanted more than 0 with thresholding, got ${most}`);
}

function refuseSolver(config: ConfigOf<'DPMSolverMultistepScheduler'>, refuse: Refuse): void {
  const { algorithm_type: algorithm, solver_order: order, final_sigmas_type: final } = config;
  if (!algorithm.endsWith('dpmsolver++') && final === 'zero') {
    const reason =
      algorithm === 'deis'
        ? 'without which diffusers does not take it for "dpmsolver++"'
        : 'whose log-SNR steps cannot reach σ = 0';
    refuse(
      'final_sigmas_type',
      `wanted "sigma_min" with algorithm_type "${algorithm}", ${reason}, got "zero"`,
    );
  }
  if (algorithm === 'sde-dpmsolver' && order === 3) {
    refuse(
      'solver_order',
      'wanted 1 or 2 with algorithm_type "sde-dpmsolver", which has no third order, got 3',
    );
  }
}

/** A complete config: diffusers' field names and meanings, every default filled in. */
export type SchedulerConfig = z.output<(typeof schemas)[number]>;
/** What `parseSchedulerConfig` takes: `_class_name` and any of the other fields. */
export type SchedulerConfigInput = z.input<(typeof schemas)[number]>;
export type SchedulerName = SchedulerConfig['_class_name'];
/** The config of one class. */
export type ConfigOf<Name extends SchedulerName> = Extract<SchedulerConfig, { _class_name: Name }>;

/** The classes whose network is told one of T timesteps and predicts ε, x_0 or v of the process that β_1 … β_T define. */
const betaClasses = [
  'DDPMScheduler',
  'DDIMScheduler',
  'PNDMScheduler',
  'EulerDiscreteScheduler',
  'HeunDiscreteScheduler',
  'DPMSolverMultistepScheduler',
] as const;
export type BetaConfig = ConfigOf<(typeof betaClasses)[number]>;

/** Whether the scheduler is built on β_1 … β_T, so that `NoiseSchedule` can be made of it. */
export function hasBetas(config: SchedulerConfig): config is BetaConfig {
  return (betaClasses as readonly SchedulerName[]).includes(config._class_name);
}

export type BetaScheduleName = BetaConfig['beta_schedule'];
export type PredictionType = z.output<typeof classes.predictionType>;
export type TimestepSpacing = z.output<typeof classes.timestepSpacing>;
export type VarianceType = z.output<typeof classes.varianceType>;

/** Python writes ±Infinity into JSON, which has no such number; 1e999 reads as the same. Strings are left as they are. */
function readPythonJson(text: string): unknown {
  const pythonNumbers = /"(?:[^"\\]|\\.)*"|Infinity/g;
  return JSON.parse(text.replace(pythonNumbers, (found) => (found === 'Infinity' ? '1e999' : found)));
}

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
      value = readPythonJson(json);
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

/** Fields whose null means "no bound" here and has no meaning in diffusers, whose default is the same. */
const leftOutIfNull = ['lambda_min_clipped', 'S_max'];

/**
 * The config as diffusers writes it: a plain record with sorted keys, ready for `JSON.stringify(…, null, 2)`. Fields that
 * came from a file and are not ours are in it unchanged. An infinite bound is left out: it is the default, and not JSON.
 *
 * @throws SchedulerConfigError if the config was changed into one that could not be read back
 */
export function toSchedulerConfig(config: SchedulerConfig): Record<string, unknown> {
  const checked = parseSchedulerConfig(config);
  return Object.fromEntries(
    Object.entries(checked)
      .filter(([key, value]) => value !== undefined && !(value === null && leftOutIfNull.includes(key)))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** The schedulers that the same network can be sampled with: see `asScheduler`. The config's own is among them. */
export function compatibleSchedulers(config: SchedulerConfig): readonly SchedulerName[] {
  return hasBetas(config) ? betaClasses : [config._class_name];
}

/**
 * The same schedule under another scheduler's name, as diffusers' `Scheduler.from_config` does with a file: fields of both
 * classes are taken over, fields of the old class alone are kept as extras, new ones get their defaults.
 *
 * @throws SchedulerConfigError if the network would be asked something else than it was trained for (other parameters of time
 *   and noise: flow matching, consistency and EDM each have their own), or a field has a value that the new class does
 *   not support
 */
export function asScheduler<Name extends SchedulerName>(config: SchedulerConfig, name: Name): ConfigOf<Name> {
  const compatible = compatibleSchedulers(config);
  if (!compatible.includes(name)) {
    throw new SchedulerConfigError(
      `asScheduler: a network for ${config._class_name} cannot be sampled with ${name}; ` +
        `wanted ${compatible.join(' | ')}`,
    );
  }
  // null asks for nothing in particular, which the new class may not know: DPM-Solver's variance_type, for one
  const asked = Object.entries(config).filter(([, value]) => value !== null);
  const fields = config._class_name === name ? config : Object.fromEntries(asked);
  return parseSchedulerConfig({ ...fields, _class_name: name }) as ConfigOf<Name>;
}
