/** Recipes by name: configs that the CLI runs as they are, or that a file extends. */
import { type CompareConfigInput } from '../config.ts';
import { cifar10Ddim } from './cifar10-ddim.ts';
import { demo } from './demo.ts';
import { fashionMnistDdim } from './fashion-mnist-ddim.ts';

export const recipes = {
  demo,
  'fashion-mnist-ddim': fashionMnistDdim,
  'cifar10-ddim': cifar10Ddim,
} as const satisfies Readonly<Record<string, CompareConfigInput>>;

export type RecipeName = keyof typeof recipes;
