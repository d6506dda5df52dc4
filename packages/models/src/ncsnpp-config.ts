/**
 * The config of NCSN++ and DDPM++ (Song et al. 2021, "Score-based generative modeling through stochastic differential
 * equations", appendix H), one architecture with the options that tell the two apart. Fields that every network here has
 * are named as diffusers names them, the others as Karras et al. 2022 do.
 */
import * as z from 'zod';
import { count, dropoutRate, oneOf } from './config-fields.ts';
import { normWidths } from './ncsnpp-plan.ts';

const fields = {
  _class_name: z.literal('NCSNpp'),
  /** Side length of images: it names the levels, and says at which there is attention. */
  sample_size: count.default(32),
  in_channels: count.default(3),
  out_channels: count.default(3),
  model_channels: z.int().min(4).default(128),
  /** A level's channels, as multiples of model_channels. */
  channel_mult: z.array(count).min(1).default([2, 2, 2]),
  /** Channels of the embedding of time and class, as a multiple of model_channels. */
  channel_mult_emb: count.default(4),
  /** Residual blocks of a level on the way down; on the way up there is one more. */
  num_blocks: count.default(4),
  /** Side lengths of the levels that have attention. */
  attn_resolutions: z.array(count).default([16]),
  dropout: dropoutRate.default(0),
  /** Sines of timesteps themselves, or of their products with random frequencies. */
  embedding_type: oneOf(['positional', 'fourier']).default('positional'),
  /** Standard deviation of those frequencies. */
  fourier_scale: z.number().positive().default(16),
  /** Length of the vector that a timestep becomes, as a multiple of model_channels: 2 in NCSN++. */
  channel_mult_noise: count.default(1),
  /** A factor on timesteps: 0.001 where they are thousandths, as under consistency preconditioning. */
  time_scale: z.number().positive().default(1),
  /** `residual`: the image itself, halved again and again, is added on the way down. */
  encoder_type: oneOf(['standard', 'residual']).default('standard'),
  /** Taps of the filter around each halving and doubling: [1, 1] averages and repeats, NCSN++ has [1, 3, 3, 1]. */
  resample_filter: z
    .array(z.number())
    .refine((taps) => taps.length >= 2 && taps.length % 2 === 0 && taps.reduce((a, b) => a + b, 0) > 0, {
      error: ({ input }) =>
        `wanted an even number of taps with a sum above 0, such as [1, 3, 3, 1], got ${JSON.stringify(input)}`,
    })
    .default([1, 1]),
  num_class_embeds: count.nullable().default(null),
};

/** zod schema of the config; `parseModelConfig` wraps it with readable errors. */
export const ncsnppConfigSchema = z.looseObject(fields).superRefine((config, context) => {
  const complain = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  const multiple = 2 ** (config.channel_mult.length - 1);
  if (config.sample_size % multiple !== 0) {
    complain(
      ['sample_size'],
      `wanted a multiple of ${multiple} (${config.channel_mult.length} levels), got ${config.sample_size}`,
    );
    return;
  }
  if ((config.model_channels * config.channel_mult_noise) % 2 !== 0) {
    complain(['model_channels'], `wanted an even number, got ${config.model_channels}`);
  }
  for (const [width, groups] of normWidths(config)) {
    if (width % groups !== 0) {
      complain(
        ['model_channels'],
        `with ${config.model_channels} a layer of ${width} channels is normalised in ${groups} groups, which do not divide it; multiples of 32 always fit`,
      );
      break;
    }
  }
});

/** A complete config, every default filled in. */
export type NcsnppConfig = z.output<z.ZodObject<typeof fields, z.core.$loose>>;
