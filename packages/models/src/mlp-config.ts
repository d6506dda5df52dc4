/** The config of `MLP`, the network for points in the plane: our own architecture, with diffusers' names where it has them. */
import * as z from 'zod';
import { count, dropoutRate, imageSize, oneOf } from './config-fields.ts';

/** zod schema of the config; `parseModelConfig` wraps it with readable errors. */
export const mlpConfigSchema = z.looseObject({
  _class_name: z.literal('MLP'),
  /** A point is an image of one pixel, its coordinates the channels. */
  sample_size: imageSize.default(1),
  in_channels: count.default(2),
  out_channels: count.default(2),
  /** Units of each hidden layer. */
  hidden_channels: z.array(count).min(1).default([128, 128, 128]),
  /** Length of the sinusoidal vector that a timestep becomes, and of the embedding made from it. */
  time_embedding_dim: z.int().min(2).default(128),
  /** A factor on timesteps, for those that are not counted to 1000: 1000 for EDM's ¼ ln σ. */
  time_scale: z.number().positive().default(1),
  act_fn: oneOf(['silu', 'swish', 'relu', 'gelu']).default('silu'),
  dropout: dropoutRate.default(0),
  num_class_embeds: count.nullable().default(null),
});

/** A complete config, every default filled in. */
export type MlpConfig = z.output<typeof mlpConfigSchema>;
