/**
 * The demo: Fashion-MNIST at 16×16, small enough for two cores and a few minutes. The network sees the whole image
 * (down to 4×4, with attention there): the pairing is information about the whole noise image, and a network that
 * sees it only locally cannot use it. Sampling starts at the noisiest step (`trailing`), where the pairing helps most, and
 * the network predicts v, which is all but the image there: what it knows of the image from the noise alone is not lost, as
 * it is with a predicted ε, whose every error is 157 times as large in x̂0.
 */
import { type CompareConfigInput } from '../config.ts';

export const demo: CompareConfigInput = {
  name: 'demo',
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
  scheduler: {
    _class_name: 'DDIMScheduler',
    beta_schedule: 'linear',
    timestep_spacing: 'trailing',
    prediction_type: 'v_prediction',
    clip_sample: true,
  },
  optimizer: { type: 'adam', learningRate: 2e-3 },
  training: {
    steps: 600,
    batchSize: 64,
    flip: true,
    maxGradientNorm: 1,
    schedule: { type: 'constant', warmupSteps: 50 },
    ema: { decay: 0.99, warmup: true },
  },
  evaluation: {
    features: 'fashion-classifier',
    samples: 1000,
    batchSize: 250,
    samplingSteps: [2, 3, 5, 10, 20],
    points: 3,
    pointSamplingSteps: [3, 10],
    gridSize: 8,
  },
  logging: { every: 10, checkpointEvery: 200, keep: 2 },
};
