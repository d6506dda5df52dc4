/**
 * A consistency model of Fashion-MNIST at 16×16 for two cores: a network of the demo's size, which sees the whole image.
 */
import { type CompareConfigInput } from '../config.ts';
import { shortConsistency } from './short-consistency.ts';

export const fashionMnistCm: CompareConfigInput = {
  name: 'fashion-mnist-cm',
  seed: 0,
  data: { kind: 'fashion-mnist', split: 'train', size: 16 },
  model: {
    sample_size: 16,
    in_channels: 1,
    out_channels: 1,
    layers_per_block: 1,
    block_out_channels: [16, 32, 64],
    down_block_types: ['DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'],
    norm_num_groups: 8,
    attention_head_dim: 16,
  },
  ...shortConsistency,
  training: {
    steps: 4000,
    batchSize: 64,
    flip: true,
    maxGradientNorm: null,
    ema: { decay: 0.995, warmup: true },
  },
  evaluation: {
    features: 'fashion-classifier',
    samples: 1000,
    samplingSteps: [1, 2, 4],
    points: 6,
    pointSamplingSteps: [1, 2],
  },
  logging: { every: 10, checkpointEvery: 500, keep: 2 },
};
