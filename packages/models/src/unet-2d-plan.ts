/**
 * From a config to the network's structure: which blocks, with which channels, under which names. Parameters and
 * application both read this one plan, so that they cannot disagree.
 */
import { type AttentionPlan } from './blocks/attention.ts';
import { type ResnetPlan } from './blocks/resnet.ts';
import { type SamplingPlan } from './blocks/sampling.ts';
import { type Unet2dConfig } from './unet-2d-config.ts';

/** One residual block, and the attention behind it where there is one. */
export interface StagePlan {
  readonly resnet: ResnetPlan;
  readonly attention: AttentionPlan | undefined;
}

/** How a block ends: by a convolution, by a residual block that halves or doubles the image, or not at all. */
export type ResamplePlan = { readonly conv: SamplingPlan } | { readonly resnet: ResnetPlan };

export interface BlockPlan {
  readonly stages: readonly StagePlan[];
  readonly resample: ResamplePlan | undefined;
}

export interface Unet2dPlan {
  /** Channels of the first convolution, which are also those of the last norm. */
  readonly baseChannels: number;
  readonly timeInputs: number;
  readonly timeChannels: number;
  readonly down: readonly BlockPlan[];
  readonly middle: BlockPlan | undefined;
  readonly up: readonly BlockPlan[];
}

/** The structure of UNet2DModel for this config. Residual blocks are numbered (`salt`) in the order of the data. */
export function planUnet2d(config: Unet2dConfig): Unet2dPlan {
  const channels = config.block_out_channels;
  const levels = channels.length;
  const baseChannels = channels[0]!;
  const timeChannels = config.time_embedding_dim ?? baseChannels * 4;
  const normOptions = { groups: config.norm_num_groups, eps: config.norm_eps };
  let salt = 0;

  const resnet = (
    path: string,
    inputs: number,
    outputs: number,
    rest: Partial<ResnetPlan> = {},
  ): ResnetPlan => ({
    path,
    inputs,
    outputs,
    timeChannels,
    norm: normOptions,
    activation: config.act_fn,
    scaleShift: config.resnet_time_scale_shift === 'scale_shift',
    resample: 'none',
    outputScale: 1,
    dropout: config.dropout,
    salt: salt++,
    ...rest,
  });

  const attention = (path: string, width: number, rest: Partial<AttentionPlan> = {}): AttentionPlan => {
    const headSize = config.attention_head_dim ?? width;
    return {
      path,
      channels: width,
      heads: Math.floor(width / headSize),
      headSize,
      norm: normOptions,
      outputScale: 1,
      ...rest,
    };
  };

  /** One side's block: stages of the given input widths, all of one output width. */
  const block = (
    path: string,
    type: Unet2dConfig['down_block_types'][number] | Unet2dConfig['up_block_types'][number],
    inputs: readonly number[],
    outputs: number,
    direction: 'down' | 'up' | 'none',
  ): BlockPlan => {
    const attends = type.startsWith('Attn');
    const stages = inputs.map((width, j) => ({
      resnet: resnet(`${path}.resnets.${j}`, width, outputs),
      attention: attends ? attention(`${path}.attentions.${j}`, outputs) : undefined,
    }));
    if (direction === 'none') return { stages, resample: undefined };
    const at = `${path}.${direction}samplers.0`;
    // Only blocks with attention look at downsample_type and upsample_type: the others have theirs in their name.
    const byResnet = attends ? config[`${direction}sample_type`] === 'resnet' : type.startsWith('Resnet');
    const resample = byResnet
      ? { resnet: resnet(at, outputs, outputs, { resample: direction }) }
      : { conv: { path: at, channels: outputs, direction, padding: config.downsample_padding } };
    return { stages, resample };
  };

  const down = config.down_block_types.map((type, i) => {
    const width = channels[i]!;
    const inputs = Array.from({ length: config.layers_per_block }, (_, j) =>
      j === 0 ? (channels[i - 1] ?? baseChannels) : width,
    );
    return block(`down_blocks.${i}`, type, inputs, width, i < levels - 1 ? 'down' : 'none');
  });

  const planMiddle = (): BlockPlan => {
    const width = channels.at(-1)!;
    const outputScale = config.mid_block_scale_factor;
    // Without a number of its own the attention is normalised like the rest, but not under scale_shift.
    const own = config.attn_norm_num_groups;
    const normalised = own !== null || config.resnet_time_scale_shift === 'default';
    const stage = (j: number, attends: boolean): StagePlan => ({
      resnet: resnet(`mid_block.resnets.${j}`, width, width, { outputScale }),
      attention: attends
        ? attention(`mid_block.attentions.${j}`, width, {
            norm: normalised ? { ...normOptions, groups: own ?? normOptions.groups } : undefined,
            outputScale,
          })
        : undefined,
    });
    return { stages: [stage(0, config.add_attention), stage(1, false)], resample: undefined };
  };
  const middle = config.mid_block_type === null ? undefined : planMiddle();

  const up = config.up_block_types.map((type, i) => {
    const level = levels - 1 - i;
    const width = channels[level]!;
    const before = channels[level + 1] ?? width; // what the block below gives
    const last = channels[level - 1] ?? baseChannels; // the way down's skip at this level that came in from above
    const count = config.layers_per_block + 1;
    const inputs = Array.from(
      { length: count },
      (_, j) => (j === 0 ? before : width) + (j === count - 1 ? last : width),
    );
    return block(`up_blocks.${i}`, type, inputs, width, i < levels - 1 ? 'up' : 'none');
  });

  const timeInputs = config.time_embedding_type === 'fourier' ? 2 * baseChannels : baseChannels;
  return { baseChannels, timeInputs, timeChannels, down, middle, up };
}
