/**
 * What the consistency models of the two 64×64 sets share: Song et al. 2023, table 3 (the column of ImageNet 64×64), and
 * openai/consistency_models. The U-Net is ADM's (Dhariwal & Nichol 2021), in diffusers' names, without classes: 192 channels,
 * multipliers 1, 2, 3, 4, three blocks, attention at 32, 16 and 8 in heads of 64, scale-shift norms, resampling in residual blocks.
 *
 * An update sees 2048 images in four micro-batches of 512, one for each GPU of the paper; noise is assigned within each.
 */
import { type CompareConfigInput } from '../config.ts';
import { publishedLpips } from './published-lpips.ts';

export const consistency64 = {
  seed: 0,
  model: {
    sample_size: 64,
    in_channels: 3,
    out_channels: 3,
    layers_per_block: 3,
    block_out_channels: [192, 384, 576, 768],
    down_block_types: ['ResnetDownsampleBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'ResnetUpsampleBlock2D'],
    downsample_type: 'resnet',
    upsample_type: 'resnet',
    resnet_time_scale_shift: 'scale_shift',
    attention_head_dim: 64,
    norm_num_groups: 32,
    attn_norm_num_groups: 32,
    norm_eps: 1e-5,
    dropout: 0,
  },
  scheduler: {
    _class_name: 'CMStochasticIterativeScheduler',
    sigma_min: 0.002,
    sigma_max: 80,
    sigma_data: 0.5,
    rho: 7,
  },
  objective: {
    kind: 'consistency-training',
    s0: 2,
    s1: 200,
    mu0: 0.95,
    totalSteps: 800_000,
    distance: publishedLpips,
  },
  optimizer: { type: 'radam', learningRate: 1e-4 },
  training: {
    steps: 800_000,
    batchSize: 512,
    accumulate: 4,
    flip: true,
    maxGradientNorm: null,
    ema: { decay: 0.999943, warmup: false },
  },
  evaluation: { features: 'pixels-8x8', samples: 10_000, samplingSteps: [1, 2], points: 16 },
  logging: { every: 100, checkpointEvery: 1000, keep: 2 },
} as const satisfies Partial<CompareConfigInput>;
