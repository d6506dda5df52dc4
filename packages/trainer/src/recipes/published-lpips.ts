/** LPIPS as consistency models are trained with it. Its two files of weights are fetched by the user, and hash-checked. */
import { type CompareConfigInput } from '../config.ts';

export const publishedLpips = {
  kind: 'lpips',
  backbone: 'weights/vgg16-397923af.pth',
  heads: 'weights/vgg.pth',
  resize: 224,
} as const satisfies Extract<
  NonNullable<CompareConfigInput['objective']>,
  { kind: 'consistency-training' }
>['distance'];
