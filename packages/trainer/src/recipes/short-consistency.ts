/**
 * Consistency training as of 2023 at the scale of two cores: the paper's curriculum as short as the run (2 to 21 noise
 * levels), and pseudo-Huber, which needs no weights of a perceptual network.
 */
import { type CompareConfigInput } from '../config.ts';

export const shortConsistency = {
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
    s1: 20,
    mu0: 0.9,
    distance: { kind: 'pseudo-huber' },
  },
  optimizer: { type: 'radam', learningRate: 1e-3 },
} as const satisfies Partial<CompareConfigInput>;
