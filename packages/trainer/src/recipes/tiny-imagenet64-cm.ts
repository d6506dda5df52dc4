/** Consistency training on tiny-ImageNet at 64×64, without classes (the paper's figure 4c). */
import { type CompareConfigInput } from '../config.ts';
import { consistency64 } from './adm-64.ts';

export const tinyImagenet64Cm: CompareConfigInput = {
  ...consistency64,
  name: 'tiny-imagenet64-cm',
  data: { kind: 'tiny-imagenet', path: 'data/tiny-imagenet-200', split: 'train', size: 64 },
};
