/**
 * DDIM on CIFAR-10 as the paper trains it (section 4.1, on the network and settings of Ho et al. 2020): 35.7 M
 * parameters, batch 128, Adam 2e-4, warm-up over 5000 steps, clip 1, EMA 0.9999, flips, dropout 0.1.
 */
import { type CompareConfigInput } from '../config.ts';

export const cifar10Ddim: CompareConfigInput = {
  name: 'cifar10-ddim',
  seed: 0,
  data: { kind: 'cifar10', path: 'data/cifar-10-batches-bin', split: 'train' },
  model: {
    sample_size: 32,
    in_channels: 3,
    out_channels: 3,
    layers_per_block: 2,
    block_out_channels: [128, 256, 256, 256],
    down_block_types: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'],
    up_block_types: ['UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
    norm_num_groups: 32,
    norm_eps: 1e-6,
    freq_shift: 1,
    flip_sin_to_cos: false,
    downsample_padding: 0,
    attention_head_dim: null,
    dropout: 0.1,
  },
  scheduler: {
    _class_name: 'DDIMScheduler',
    beta_schedule: 'linear',
    set_alpha_to_one: true,
    clip_sample: true,
  },
  optimizer: { type: 'adam', learningRate: 2e-4 },
  training: {
    steps: 163_800,
    batchSize: 128,
    flip: true,
    maxGradientNorm: 1,
    schedule: { type: 'constant', warmupSteps: 5000 },
    ema: { decay: 0.9999, warmup: true },
    zeroInit: true,
  },
  evaluation: {
    features: 'pixels-8x8',
    samples: 10_000,
    samplingSteps: [20, 50, 100],
    points: 7,
    pointSamplingSteps: [20],
  },
  logging: { every: 100, checkpointEvery: 1000, keep: 2 },
};
