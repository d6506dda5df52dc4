/**
 * The paper's claims at the scale of two cores: Fashion-MNIST at 32×32 and CIFAR-10 at 16×16, three seeds each.
 *
 * Networks see the whole image (down to 4×4, with attention there): the pairing is information about the whole noise
 * image, and a network that sees it only locally cannot use it. Sampling begins at the noisiest step
 * (`trailing`), with few steps, where the pairing should help most. The third arm is paired without transport (the
 * paper's figure 7). Nothing but the pairing differs between arms of one seed.
 *
 * Both are denoised twice. A pairing tells the network of the image where there is nothing but noise; there x̂0 is 157
 * times the error of a predicted ε, so that a network that has trained for minutes cannot say what it knows. Predicted v is
 * all but x0 there.
 */
import { type CompareConfigInput } from '../../config.ts';
import { shortConsistency } from '../../recipes/short-consistency.ts';
import { type StudyConfigInput } from '../config.ts';

const two: NonNullable<CompareConfigInput['arms']> = [
  { name: 'vanilla', assignment: { method: 'identity' } },
  { name: 'immiscible', assignment: { method: 'linear' } },
];
const three = [...two, { name: 'flipped', assignment: { method: 'flipped' as const } }];

const ddim = {
  scheduler: {
    _class_name: 'DDIMScheduler',
    beta_schedule: 'linear',
    timestep_spacing: 'trailing',
    clip_sample: true,
  },
  optimizer: { type: 'adam', learningRate: 1e-3 },
} as const satisfies Partial<CompareConfigInput>;

const velocity = { ...ddim, scheduler: { ...ddim.scheduler, prediction_type: 'v_prediction' } } as const;

const logging = { every: 10, checkpointEvery: 250, keep: 1 } as const;

/** 32×32 down to 4×4. No classifier's features are finer than these for Fashion-MNIST. */
const fashionMnist = {
  data: { kind: 'fashion-mnist', split: 'train', size: 32 },
  model: {
    sample_size: 32,
    in_channels: 1,
    out_channels: 1,
    layers_per_block: 1,
    block_out_channels: [8, 16, 32, 64],
    down_block_types: ['DownBlock2D', 'DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D', 'UpBlock2D'],
    norm_num_groups: 4,
    attention_head_dim: 16,
  },
} as const satisfies Partial<CompareConfigInput>;

/** 16×16 down to 4×4. No classifier of CIFAR-10 comes with the program: pixels, pooled and whole, have to do. */
const cifar10 = {
  data: { kind: 'cifar10', path: 'data/cifar-10-batches-bin', split: 'train', size: 16 },
  model: {
    sample_size: 16,
    in_channels: 3,
    out_channels: 3,
    layers_per_block: 1,
    block_out_channels: [16, 32, 64],
    down_block_types: ['DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'],
    norm_num_groups: 8,
    attention_head_dim: 16,
  },
} as const satisfies Partial<CompareConfigInput>;

const fewSteps = { samplingSteps: [2, 3, 5, 10, 20], pointSamplingSteps: [2, 10] };
const oneStep = { samplingSteps: [1, 2, 4], pointSamplingSteps: [1, 2] };

const fashionMnistDdim = {
  ...fashionMnist,
  training: {
    steps: 1200,
    batchSize: 64,
    schedule: { type: 'constant', warmupSteps: 50 },
    ema: { decay: 0.995 },
  },
  evaluation: { features: 'fashion-classifier', samples: 1000, points: 5, ...fewSteps },
  logging,
  arms: three,
} as const satisfies Partial<CompareConfigInput>;

const cifar10Ddim = {
  ...cifar10,
  training: {
    steps: 2000,
    batchSize: 64,
    schedule: { type: 'constant', warmupSteps: 50 },
    ema: { decay: 0.998 },
  },
  evaluation: { features: 'pixels-8x8', samples: 1000, points: 5, ...fewSteps },
  logging,
  arms: three,
} as const satisfies Partial<CompareConfigInput>;

export const smallScale: StudyConfigInput = {
  name: 'small-scale',
  seeds: [0, 1, 2],
  pieces: [
    { name: 'fashion-mnist-ddim', config: { ...fashionMnistDdim, ...ddim } },
    { name: 'fashion-mnist-ddim-v', config: { ...fashionMnistDdim, ...velocity } },
    { name: 'cifar10-16-ddim', config: { ...cifar10Ddim, ...ddim } },
    { name: 'cifar10-16-ddim-v', config: { ...cifar10Ddim, ...velocity } },
    {
      name: 'fashion-mnist-cm',
      config: {
        ...fashionMnist,
        ...shortConsistency,
        training: { steps: 1000, batchSize: 64, maxGradientNorm: null, ema: { decay: 0.995 } },
        evaluation: { features: 'fashion-classifier', samples: 1000, points: 5, ...oneStep },
        logging,
        arms: two,
      },
    },
    {
      name: 'cifar10-16-cm',
      config: {
        ...cifar10,
        ...shortConsistency,
        training: { steps: 2000, batchSize: 64, maxGradientNorm: null, ema: { decay: 0.998 } },
        evaluation: { features: 'pixels-8x8', samples: 1000, points: 5, ...oneStep },
        logging,
        arms: two,
      },
    },
  ],
};
