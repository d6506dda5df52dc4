/**
 * A data set from a description that a config file can hold. No algorithm here: each kind has its reader.
 */
import { type CelebAOptions, openCelebA } from './celeba.ts';
import { type Cifar10Options, openCifar10 } from './cifar.ts';
import type { ImageDataset } from './dataset.ts';
import { DatasetOptionError } from './errors.ts';
import { type FashionMnistOptions, openFashionMnist } from './fashion-mnist.ts';
import { type OpenIdxOptions, openIdx } from './idx.ts';
import { type ImageFolderOptions, openImageFolder } from './image-folder.ts';
import { openTinyImageNet, type TinyImageNetOptions } from './tiny-imagenet.ts';
import { openToy2d, type Toy2dOptions } from './toy-2d.ts';

/** Which set, and how it is read. Plain JSON. */
export type DatasetSpec =
  | ({ readonly kind: 'fashion-mnist' } & FashionMnistOptions)
  | ({ readonly kind: 'cifar10' } & Cifar10Options)
  | ({ readonly kind: 'celeba' } & CelebAOptions)
  | ({ readonly kind: 'tiny-imagenet' } & TinyImageNetOptions)
  | ({ readonly kind: 'image-folder' } & ImageFolderOptions)
  | ({ readonly kind: 'idx' } & OpenIdxOptions)
  | ({ readonly kind: 'toy-2d' } & Toy2dOptions);

/** The kinds that `openDataset` knows. */
export const DATASET_KINDS: readonly DatasetSpec['kind'][] = [
  'fashion-mnist',
  'cifar10',
  'celeba',
  'tiny-imagenet',
  'image-folder',
  'idx',
  'toy-2d',
];

/**
 * Opens any data set.
 *
 * @throws DatasetError: which one, the reader of that kind says; DatasetOptionError for an unknown kind
 */
export async function openDataset(spec: DatasetSpec): Promise<ImageDataset> {
  switch (spec.kind) {
    case 'fashion-mnist':
      return openFashionMnist(spec);
    case 'cifar10':
      return openCifar10(spec);
    case 'celeba':
      return openCelebA(spec);
    case 'tiny-imagenet':
      return openTinyImageNet(spec);
    case 'image-folder':
      return openImageFolder(spec);
    case 'idx':
      return openIdx(spec);
    case 'toy-2d':
      return openToy2d(spec);
    default: {
      const { kind } = spec as { kind: unknown };
      throw new DatasetOptionError({
        op: 'openDataset',
        wanted: `kind ${DATASET_KINDS.join(', ')}`,
        got: String(kind),
        fix: 'choose one of these',
      });
    }
  }
}
