/**
 * A data set from a description that a config file can hold. No algorithm here: each kind has its reader.
 */
import { type Cifar10Options, openCifar10 } from './cifar.ts';
import type { ImageDataset } from './dataset.ts';
import { DatasetOptionError } from './errors.ts';
import { type FashionMnistOptions, openFashionMnist } from './fashion-mnist.ts';
import { type OpenIdxOptions, openIdx } from './idx.ts';
import { type ImageFolderOptions, openImageFolder } from './image-folder.ts';

/** Which set, and how it is read. Plain JSON. */
export type DatasetSpec =
  | ({ readonly kind: 'fashion-mnist' } & FashionMnistOptions)
  | ({ readonly kind: 'cifar10' } & Cifar10Options)
  | ({ readonly kind: 'image-folder' } & ImageFolderOptions)
  | ({ readonly kind: 'idx' } & OpenIdxOptions);

/** The kinds that `openDataset` knows. */
export const DATASET_KINDS: readonly DatasetSpec['kind'][] = [
  'fashion-mnist',
  'cifar10',
  'image-folder',
  'idx',
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
    case 'image-folder':
      return openImageFolder(spec);
    case 'idx':
      return openIdx(spec);
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
