/** Recipes by name: configs that the CLI runs as they are, or that a file extends. */
import { type CompareConfigInput } from '../config.ts';
import { celeba64Cm } from './celeba64-cm.ts';
import { cifar10Size16Cm } from './cifar10-16-cm.ts';
import { cifar10Cm } from './cifar10-cm.ts';
import { cifar10Ddim } from './cifar10-ddim.ts';
import { demo } from './demo.ts';
import { fashionMnistCm } from './fashion-mnist-cm.ts';
import { fashionMnistDdim } from './fashion-mnist-ddim.ts';
import { tinyImagenet64Cm } from './tiny-imagenet64-cm.ts';
import { toy2d } from './toy-2d.ts';

export const recipes = {
  demo,
  'toy-2d': toy2d,
  'fashion-mnist-ddim': fashionMnistDdim,
  'fashion-mnist-cm': fashionMnistCm,
  'cifar10-16-cm': cifar10Size16Cm,
  'cifar10-ddim': cifar10Ddim,
  'cifar10-cm': cifar10Cm,
  'celeba64-cm': celeba64Cm,
  'tiny-imagenet64-cm': tinyImagenet64Cm,
} as const satisfies Readonly<Record<string, CompareConfigInput>>;

export type RecipeName = keyof typeof recipes;
