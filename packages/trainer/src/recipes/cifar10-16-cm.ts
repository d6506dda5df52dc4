/**
 * A consistency model of CIFAR-10 at 16×16, where each pixel is the mean of four: natural images in colour at the scale of two
 * cores.
 */
import { type CompareConfigInput } from '../config.ts';
import { shortConsistency } from './short-consistency.ts';

export const cifar10Size16Cm: CompareConfigInput = {
  name: 'cifar10-16-cm',
  seed: 0,
  data: { kind: 'cifar10', path: 'data/cifar-10-batches-bin', split: 'train', size: 16 },
  model: {
    sample_size: 16,
    in_channels: 3,
    out_channels: 3,
    layers_per_block: 1,
    block_out_channels: [16, 32, 64],
    down_block_types: ['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
    norm_num_groups: 8,
    attention_head_dim: 16,
  },
  ...shortConsistency,
  training: {
    steps: 4000,
    batchSize: 64,
    flip: true,
    maxGradientNorm: null,
    ema: { decay: 0.997, warmup: true },
  },
  evaluation: {
    features: 'pixels-8x8',
    samples: 1000,
    samplingSteps: [1, 2, 4],
    points: 6,
    pointSamplingSteps: [1, 2],
  },
  logging: { every: 10, checkpointEvery: 500, keep: 2 },
};
