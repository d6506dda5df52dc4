/**
 * UNet2DModel's config is diffusers' `config.json`, field by field, with diffusers' names and defaults, so that a model
 * folder is opened by either library. What diffusers knows and this package does not is an error that names the
 * field; fields that UNet2DModel does not have are kept and written back.
 */
import * as z from 'zod';
import { count, dropoutRate, imageSize, oneOf, parseConfig, sortedFields } from './config-fields.ts';

const unsupportedDownBlocks = [
  'CrossAttnDownBlock2D',
  'SimpleCrossAttnDownBlock2D',
  'SkipDownBlock2D',
  'AttnSkipDownBlock2D',
  'DownEncoderBlock2D',
  'AttnDownEncoderBlock2D',
  'KDownBlock2D',
  'KCrossAttnDownBlock2D',
];
const unsupportedUpBlocks = unsupportedDownBlocks.map((name) =>
  name.replace('Down', 'Up').replace('Encoder', 'Decoder'),
);

const downBlockType = oneOf(
  ['DownBlock2D', 'AttnDownBlock2D', 'ResnetDownsampleBlock2D'],
  unsupportedDownBlocks,
);
const upBlockType = oneOf(['UpBlock2D', 'AttnUpBlock2D', 'ResnetUpsampleBlock2D'], unsupportedUpBlocks);
const sampler = oneOf(['conv', 'resnet']);

const fields = {
  _class_name: oneOf(
    ['UNet2DModel'],
    ['UNet2DConditionModel', 'UNet1DModel', 'UNet3DConditionModel', 'Transformer2DModel', 'AutoencoderKL'],
  )
    .optional() // so that a union told apart by this field takes a config without it as this one
    .default('UNet2DModel'),
  _diffusers_version: z.string().default('0.35.2'),
  sample_size: imageSize.nullable().default(null),
  in_channels: count.default(3),
  out_channels: count.default(3),
  center_input_sample: z.boolean().default(false),
  time_embedding_type: oneOf(['positional', 'fourier'], ['learned']).default('positional'),
  time_embedding_dim: count.nullable().default(null),
  freq_shift: z.number().default(0),
  flip_sin_to_cos: z.boolean().default(true),
  down_block_types: z
    .array(downBlockType)
    .min(1)
    .default(['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D']),
  mid_block_type: oneOf(['UNetMidBlock2D'], ['UNetMidBlock2DCrossAttn', 'UNetMidBlock2DSimpleCrossAttn'])
    .nullable()
    .default('UNetMidBlock2D'),
  up_block_types: z
    .array(upBlockType)
    .min(1)
    .default(['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D']),
  block_out_channels: z.array(count).min(1).default([224, 448, 672, 896]),
  layers_per_block: count.default(2),
  mid_block_scale_factor: z.number().positive().default(1),
  downsample_padding: z
    .union([z.literal(0), z.literal(1)], {
      error: ({ input }) =>
        `wanted 1, or 0 (which pads below and on the right only), got ${JSON.stringify(input)}; with any other padding the way up does not meet the way down`,
    })
    .default(1),
  downsample_type: sampler.default('conv'),
  upsample_type: sampler.default('conv'),
  dropout: dropoutRate.default(0),
  act_fn: oneOf(['silu', 'swish', 'relu', 'gelu'], ['mish']).default('silu'),
  attention_head_dim: count.nullable().default(8),
  norm_num_groups: count.default(32),
  attn_norm_num_groups: count.nullable().default(null),
  norm_eps: z.number().positive().default(1e-5),
  resnet_time_scale_shift: oneOf(['default', 'scale_shift'], ['ada_group', 'spatial']).default('default'),
  add_attention: z.boolean().default(true),
  class_embed_type: z
    .null({
      error: ({ input }) =>
        `wanted null, got ${JSON.stringify(input)} (diffusers has "timestep" and "identity", this package does not); set num_class_embeds for a learned embedding of class labels`,
    })
    .default(null),
  num_class_embeds: count.nullable().default(null),
  num_train_timesteps: count.nullable().default(null),
};

/** zod schema of the config; `parseUnet2dConfig` wraps it with readable errors. */
export const unet2dConfigSchema = z.looseObject(fields).superRefine((config, context) => {
  const complain = (path: PropertyKey[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  const levels = config.block_out_channels.length;
  for (const side of ['down_block_types', 'up_block_types'] as const) {
    const { length } = config[side];
    if (length !== levels) {
      complain([side], `wanted ${levels} blocks, one for each of block_out_channels, got ${length}`);
    }
  }
  const { norm_num_groups: groups, attn_norm_num_groups: attentionGroups, attention_head_dim: head } = config;
  config.block_out_channels.forEach((channels, i) => {
    const at = ['block_out_channels', i];
    if (channels % groups !== 0) {
      complain(at, `wanted a multiple of norm_num_groups (${groups}), got ${channels}`);
    }
    const attends = [config.down_block_types[i], config.up_block_types[levels - 1 - i]].some((type) =>
      type?.startsWith('Attn'),
    );
    const isMiddle = i === levels - 1 && config.mid_block_type !== null && config.add_attention;
    if ((attends || isMiddle) && head !== null && head > channels) {
      complain(at, `wanted at least attention_head_dim (${head}) channels, got ${channels}`);
    }
    if (isMiddle && attentionGroups !== null && channels % attentionGroups !== 0) {
      complain(at, `wanted a multiple of attn_norm_num_groups (${attentionGroups}), got ${channels}`);
    }
  });
  if (config.time_embedding_type === 'positional') {
    const half = Math.floor(config.block_out_channels[0]! / 2);
    if (half - config.freq_shift <= 0) {
      complain(
        ['freq_shift'],
        `wanted less than block_out_channels[0] / 2 = ${half}, got ${config.freq_shift}`,
      );
    }
  }
});

/** A complete config: diffusers' field names and meanings, every default filled in. */
export type Unet2dConfig = z.output<typeof unet2dConfigSchema>;
/** What `parseUnet2dConfig` takes: any of the fields. */
export type Unet2dConfigInput = z.input<typeof unet2dConfigSchema>;

/**
 * Reads a diffusers `config.json` of a UNet2DModel.
 *
 * `attention_head_dim` is the size of a head (not their number, as UNet2DConditionModel reads it): 8 where it is
 * absent, one head where it is null.
 *
 * @param json the file's text, or the object parsed from it; missing fields get diffusers' defaults
 * @throws ModelConfigError naming each field that is wrong or not supported
 */
export function parseUnet2dConfig(json: unknown): Unet2dConfig {
  return parseConfig(unet2dConfigSchema, 'UNet2DModel', json);
}

/**
 * The config as diffusers writes it: a plain record with sorted keys, ready for `JSON.stringify(…, null, 2)`. Fields
 * that came from a file and are not ours are in it unchanged.
 *
 * @throws ModelConfigError if the config was changed into one that could not be read back
 */
export function toUnet2dConfig(config: Unet2dConfig): Record<string, unknown> {
  return sortedFields(parseUnet2dConfig(config));
}
