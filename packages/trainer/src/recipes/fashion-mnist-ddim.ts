/**
 * Fashion-MNIST at 32×32 with a network of the DDPM family, for a GPU, or more than a day an arm on two cores. Predicts v, as the
 * demo does, and for its reason.
 */
import { type CompareConfigInput } from '../config.ts';

export const fashionMnistDdim: CompareConfigInput = {
  name: 'fashion-mnist-ddim',
  seed: 0,
  data: { kind: 'fashion-mnist', split: 'train', size: 32 },
  model: {
    sample_size: 32,
    in_channels: 1,
    out_channels: 1,
    layers_per_block: 2,
    block_out_channels: [64, 128, 128],
    down_block_types: ['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
    norm_num_groups: 32,
    attention_head_dim: 32,
  },
  scheduler: {
    _class_name: 'DDIMScheduler',
    beta_schedule: 'linear',
    timestep_spacing: 'trailing',
    prediction_type: 'v_prediction',
    clip_sample: true,
  },
  optimizer: { type: 'adam', learningRate: 2e-4 },
  training: {
    steps: 20_000,
    batchSize: 128,
    flip: true,
    maxGradientNorm: 1,
    schedule: { type: 'constant', warmupSteps: 500 },
    ema: { decay: 0.999, warmup: true },
  },
  evaluation: {
    features: 'fashion-classifier',
    samples: 2000,
    samplingSteps: [2, 3, 5, 10, 20, 50],
    points: 10,
    pointSamplingSteps: [5, 20],
  },
  logging: { every: 50, checkpointEvery: 500, keep: 2 },
};
