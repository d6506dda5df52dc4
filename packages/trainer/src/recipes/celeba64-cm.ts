/** Consistency training on CelebA at 64×64 (the paper's figure 4b), on the training split, cut as score_sde and DDIM's peers do. */
import { type CompareConfigInput } from '../config.ts';
import { consistency64 } from './adm-64.ts';

export const celeba64Cm: CompareConfigInput = {
  ...consistency64,
  name: 'celeba64-cm',
  data: { kind: 'celeba', path: 'data/celeba', split: 'train', size: 64, crop: 'centre-140' },
};
