/**
 * The config of a run: everything that decides its numbers, checked by zod, defaults filled in.
 *
 * `model` and `scheduler` are diffusers' config files as they are; the rest is grouped by the room of the trainer that
 * reads it.
 */
import { modelConfigSchema } from '@immiscible/models';
import { schedulerConfigSchema } from '@immiscible/schedulers';
import { z } from 'zod';
import { problemsOf } from './config-checks.ts';
import { dataSchema } from './data-config.ts';
import { ConfigError } from './errors.ts';
import { objectiveSchema } from './objectives/config.ts';

const count = z.int().min(1);

export const assignmentSchema = z.strictObject({
  /** `linear` is the paper's; `identity` is the vanilla arm; `flipped` is the paper's ablation without transport. */
  method: z.enum(['linear', 'nearest', 'flipped', 'identity']).default('linear'),
  metric: z.enum(['l2', 'sqeuclidean', 'l1', 'dot']).default('l2'),
  precision: z.enum(['f32', 'f16']).default('f16'),
  /** candidates per image, for `nearest` */
  k: count.default(4),
  /** updates that train on noise as it was drawn before the first that assigns */
  startStep: z.int().min(0).default(0),
  /** what is assigned together: each micro-batch, or all micro-batches of an update */
  pool: z.enum(['batch', 'update']).default('batch'),
  /** noises that each image keeps from epoch to epoch and swaps within its batches; 0: drawn anew for each sample */
  storedSeeds: z.int().min(0).default(0),
  /** batch, noise and pairing are prepared in a worker during the steps before; changes no number */
  lookAhead: z.boolean().default(true),
});

const optimizerSchema = z.strictObject({
  type: z.enum(['adam', 'adamw', 'radam']).default('adam'),
  learningRate: z.number().positive().default(2e-4),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.999]),
  eps: z.number().positive().default(1e-8),
  weightDecay: z.number().min(0).default(0),
  /** of `radam`: weight decay as in AdamW; `adam` adds it to the gradient, `adamw` never does */
  decoupledWeightDecay: z.boolean().default(false),
});

/** ema.ts says what each is; without `kind` it is a decay. */
const emaSchema = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({
      kind: z.literal('decay').exactOptional(),
      decay: z.number().min(0).lt(1).default(0.9999),
      warmup: z.boolean().default(true),
    }),
    z.strictObject({
      kind: z.literal('half-life'),
      images: z.number().positive().default(500_000),
      rampUp: z.number().positive().nullable().default(0.05),
    }),
    z.strictObject({
      kind: z.literal('power'),
      invGamma: z.number().positive().default(1),
      power: z
        .number()
        .positive()
        .default(2 / 3),
      minDecay: z.number().min(0).lt(1).default(0),
      maxDecay: z.number().min(0).lt(1).default(0.9999),
    }),
    z.strictObject({
      kind: z.literal('power-function'),
      /** below √(1/12), that of a plain mean */
      relativeStd: z.number().positive().lt(0.28).default(0.1),
    }),
  ],
  {
    error: ({ code }) =>
      code === 'invalid_union' ? 'wants decay, half-life, power or power-function' : undefined,
  },
);

/** Dynamic loss scaling of `precision: f16`, with torch.amp.GradScaler's numbers. */
const lossScaleSchema = z.strictObject({
  initial: z.number().positive().default(65536),
  growth: z.number().gt(1).default(2),
  backoff: z.number().positive().lt(1).default(0.5),
  /** updates in a row after which the scale grows */
  interval: count.default(2000),
  /** a gradient that is not finite at this scale or below ends the run */
  floor: z.number().positive().default(1),
});

const trainingSchema = z.strictObject({
  /** optimizer updates in all */
  steps: count,
  batchSize: count.default(128),
  /** micro-batches of `batchSize` in one update */
  accumulate: count.default(1),
  flip: z.boolean().default(true),
  /** share of samples trained as of no class, which is then the model's last label: for classifier-free guidance */
  labelDropout: z.number().min(0).lt(1).default(0),
  maxGradientNorm: z.number().positive().nullable().default(1),
  schedule: z
    .strictObject({
      type: z.enum(['constant', 'cosine']).default('constant'),
      warmupSteps: z.int().min(0).default(0),
    })
    .prefault({}),
  ema: emaSchema.prefault({}),
  lossWeighting: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('uniform') }),
      z.strictObject({ kind: z.literal('min-snr'), gamma: z.number().positive().default(5) }),
    ])
    .default({ kind: 'uniform' }),
  /** zero the last convolution of every block, as DDPM's authors; diffusers does not */
  zeroInit: z.boolean().default(false),
  lossScale: lossScaleSchema.prefault({}),
});

const evaluationSchema = z.strictObject({
  /** features that the Fréchet distance is taken in; `values`, of points and very small images, are all that there is */
  features: z.enum(['fashion-classifier', 'pixels-8x8', 'values']).default('pixels-8x8'),
  /** generated images per measurement */
  samples: z.int().min(2).default(1000),
  batchSize: count.default(250),
  /** numbers of sampling steps at the end of training */
  samplingSteps: z.array(count).min(1).default([10]),
  /** measurements during training, evenly spaced, the last at the end */
  points: count.default(4),
  /** numbers of sampling steps at those before the end; some of `samplingSteps` */
  pointSamplingSteps: z.array(count).min(1).optional(),
  /** images in a row and in a column of the grids */
  gridSize: count.default(8),
});

const loggingSchema = z.strictObject({
  /** steps between lines of the log */
  every: count.default(10),
  /** steps between checkpoints; one is always written at the end and on Ctrl-C */
  checkpointEvery: count.default(1000),
  /** complete checkpoints that are kept */
  keep: count.default(2),
});

const shared = {
  name: z
    .string()
    .regex(/^[\w.-]+$/, 'wants letters, digits, dots, dashes and underscores')
    .default('run'),
  seed: z.int().min(0).default(0),
  /** auto, cpu, webgpu, webgpu:software, or part of a GPU's name */
  device: z.string().regex(/\S/, 'wants auto, cpu, webgpu or part of the name of a GPU').default('auto'),
  threads: count.optional(),
  /** what the network computes in while it trains; weights, optimizer and average are float32 in any case */
  precision: z.enum(['f32', 'f16']).default('f32'),
  data: dataSchema,
  model: modelConfigSchema,
  /** what samples are drawn with by default; its class has to fit the objective, which is trained at its noise levels */
  scheduler: schedulerConfigSchema,
  objective: objectiveSchema.prefault({ kind: 'denoising' }),
  optimizer: optimizerSchema.prefault({}),
  training: trainingSchema,
  evaluation: evaluationSchema.prefault({}),
  logging: loggingSchema.prefault({}),
};

const runSchema = z.strictObject({ ...shared, assignment: assignmentSchema.prefault({}) });

const compareSchema = z.strictObject({
  ...shared,
  arms: z
    .array(z.strictObject({ name: z.string().regex(/^[\w.-]+$/), assignment: assignmentSchema }))
    .min(1)
    .prefault([
      { name: 'vanilla', assignment: { method: 'identity' } },
      { name: 'immiscible', assignment: { method: 'linear' } },
    ]),
});

/** The config of one training run, complete. */
export type RunConfig = z.output<typeof runSchema>;
/** The config of a comparison, complete: arms that differ in their assignment only. */
export type CompareConfig = z.output<typeof compareSchema>;
export type AssignmentConfig = z.output<typeof assignmentSchema>;
/** What a recipe or a config file holds. */
export type CompareConfigInput = z.input<typeof compareSchema>;

/** One line a problem: the field's path, what was wanted, what came. */
function describe(error: z.ZodError, value: unknown): string {
  return error.issues
    .map((issue) => {
      const field = issue.path.join('.') || 'the config';
      if (issue.code === 'unrecognized_keys') {
        return `  ${issue.keys.map((key) => [...issue.path, key].join('.')).join(', ')}: there is no such field`;
      }
      const got = issue.path.reduce<unknown>(
        (v, key) => (v as Record<PropertyKey, unknown> | undefined)?.[key],
        value,
      );
      const known = got === undefined || issue.message.includes('got ');
      return `  ${field}: ${issue.message}${known ? '' : `, got ${JSON.stringify(got)}`}`;
    })
    .join('\n');
}

function parse<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value);
  if (!result.success) throw new ConfigError(`${what} cannot be used:\n${describe(result.error, value)}`);
  return result.data;
}

/** @throws ConfigError naming what does not go together */
function checkTogether<C extends RunConfig | CompareConfig>(config: C): C {
  const problems = problemsOf(config);
  if (problems.length > 0) {
    throw new ConfigError(`the config cannot be used:\n${problems.map((p) => `  ${p}`).join('\n')}`);
  }
  return config;
}

/** @throws ConfigError naming every wrong field */
export function parseRunConfig(value: unknown): RunConfig {
  return checkTogether(parse(runSchema, value, 'the config'));
}

/** @throws ConfigError naming every wrong field */
export function parseCompareConfig(value: unknown): CompareConfig {
  const config = checkTogether(parse(compareSchema, value, 'the config'));
  const names = config.arms.map((arm) => arm.name);
  if (new Set(names).size !== names.length) {
    throw new ConfigError(`the config cannot be used:\n  arms: names must differ, got ${names.join(', ')}`);
  }
  return config;
}

/** The config of one arm as a run of its own. */
export function armConfig({ arms, ...rest }: CompareConfig, name: string): RunConfig {
  const arm = arms.find((a) => a.name === name);
  if (!arm)
    throw new ConfigError(`there is no arm ${name}; the config has ${arms.map((a) => a.name).join(', ')}`);
  return { ...rest, name: `${rest.name}-${name}`, assignment: arm.assignment };
}
