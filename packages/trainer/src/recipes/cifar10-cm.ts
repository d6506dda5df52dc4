/**
 * Consistency training on CIFAR-10, the paper's main baseline (section 4.2), at the settings of Song et al. 2023, table 3, and
 * openai/consistency_models_cifar10: NCSN++ of 56.4 M parameters, RAdam 4e-4 without warm-up or clipping, batch 512, 800,000
 * steps, EMA 0.9999, N(k) from 2 to 151, LPIPS at 224², samples in one step. On one GPU, with noise assigned over the whole batch.
 */
import { type CompareConfigInput } from '../config.ts';
import { publishedLpips } from './published-lpips.ts';

export const cifar10Cm: CompareConfigInput = {
  name: 'cifar10-cm',
  seed: 0,
  data: { kind: 'cifar10', path: 'data/cifar-10-batches-bin', split: 'train' },
  model: {
    _class_name: 'NCSNpp',
    sample_size: 32,
    in_channels: 3,
    out_channels: 3,
    model_channels: 128,
    channel_mult: [2, 2, 2],
    num_blocks: 4,
    attn_resolutions: [16],
    dropout: 0,
    embedding_type: 'fourier',
    fourier_scale: 16,
    channel_mult_noise: 2,
    time_scale: 0.001,
    encoder_type: 'residual',
    resample_filter: [1, 3, 3, 1],
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
    s1: 150,
    mu0: 0.9,
    totalSteps: 800_000,
    distance: publishedLpips,
  },
  optimizer: { type: 'radam', learningRate: 4e-4 },
  training: {
    steps: 800_000,
    batchSize: 512,
    flip: true,
    maxGradientNorm: null,
    ema: { decay: 0.9999, warmup: false },
  },
  evaluation: { features: 'pixels-8x8', samples: 10_000, samplingSteps: [1, 2], points: 16 },
  logging: { every: 100, checkpointEvery: 1000, keep: 2 },
};
