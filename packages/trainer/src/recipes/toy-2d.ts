/**
 * Eight Gaussians on a ring in about a minute: the pairing can be seen with the naked eye, and distances are exact. In two
 * dimensions assignment moves noise far more than it does among images, so gains here say nothing about gains there.
 * Predicts v, as the demo does, and for its reason.
 */
import { type CompareConfigInput } from '../config.ts';

export const toy2d: CompareConfigInput = {
  name: 'toy-2d',
  seed: 0,
  data: { kind: 'toy-2d', shape: '8-gaussians' },
  model: {
    _class_name: 'MLP',
    in_channels: 2,
    out_channels: 2,
    hidden_channels: [128, 128, 128],
    time_embedding_dim: 64,
    time_scale: 10,
  },
  scheduler: {
    _class_name: 'DDIMScheduler',
    num_train_timesteps: 100,
    beta_start: 0.001,
    beta_end: 0.2,
    beta_schedule: 'linear',
    timestep_spacing: 'trailing',
    prediction_type: 'v_prediction',
    clip_sample: true,
  },
  optimizer: { type: 'adam', learningRate: 1e-3 },
  training: {
    steps: 5000,
    batchSize: 256,
    flip: false,
    maxGradientNorm: 1,
    schedule: { type: 'constant', warmupSteps: 50 },
    ema: { decay: 0.99, warmup: true },
  },
  evaluation: {
    features: 'values',
    samples: 2000,
    batchSize: 2000,
    samplingSteps: [1, 2, 3, 5, 10, 50],
    points: 5,
    pointSamplingSteps: [2, 10],
  },
  logging: { every: 50, checkpointEvery: 1000, keep: 2 },
};
