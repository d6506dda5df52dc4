/**
 * Fashion-MNIST out of `@immiscible/fashion-mnist`, at its own size or at one that a U-Net can halve.
 *
 * Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747.
 */
import { files } from '@immiscible/fashion-mnist';
import { type ImageStack, type MemoryDataset, memoryDataset } from './dataset.ts';
import { DatasetOptionError } from './errors.ts';
import { readIdx } from './idx.ts';
import { meanPool, zeroPad } from './transform.ts';

/** The classes of labels 0 to 9. */
export const FASHION_MNIST_CLASSES: readonly string[] = [
  'T-shirt/top',
  'Trouser',
  'Pullover',
  'Dress',
  'Coat',
  'Sandal',
  'Shirt',
  'Sneaker',
  'Bag',
  'Ankle boot',
];

/**
 * 28: the original. 32: zeros around it, two pixels a side. 16 and 8: that, then the mean of 2×2 or 4×4 blocks.
 */
export type FashionMnistSize = 28 | 32 | 16 | 8;

/** Options of `openFashionMnist`. */
export interface FashionMnistOptions {
  /** `train` has 60,000 images, `test` 10,000. */
  readonly split: 'train' | 'test';
  /** Height and width. Default 28. */
  readonly size?: FashionMnistSize;
}

const PADDED = 32;
const FIX = 'install @immiscible/fashion-mnist again: its files were changed or are incomplete';

/**
 * Opens Fashion-MNIST in memory: [N, 1, size, size] uint8, labels 0 to 9. Both files are checked by MD5.
 *
 * @throws DatasetOptionError for another split or size
 * @throws MissingDataError, WrongDataError if the package's files are damaged
 */
export async function openFashionMnist(options: FashionMnistOptions): Promise<MemoryDataset> {
  const { split, size = 28 } = options;
  const sizes: readonly number[] = [28, 32, 16, 8];
  if (!sizes.includes(size) || !['train', 'test'].includes(split)) {
    throw new DatasetOptionError({
      op: 'openFashionMnist',
      wanted: `split train or test, and size ${sizes.join(', ')}`,
      got: `split ${split}, size ${size}`,
      fix: 'choose one of these',
    });
  }
  const [imagesFile, labelsFile] =
    split === 'train' ? [files.trainImages, files.trainLabels] : [files.testImages, files.testLabels];
  const images = await readIdx(imagesFile.url, { md5: imagesFile.md5, fix: FIX });
  const labels = await readIdx(labelsFile.url, { md5: labelsFile.md5, fix: FIX });

  let stack: ImageStack = { images: images.data, channels: 1, height: 28, width: 28 };
  const operations: string[] = [];
  if (size !== 28) {
    stack = zeroPad(stack, PADDED);
    operations.push('zero-pad 28x28 -> 32x32');
  }
  if (size < 28) {
    const factor = PADDED / size;
    stack = meanPool(stack, factor);
    operations.push(`mean-pool ${factor}x${factor} -> ${size}x${size}`);
  }
  return memoryDataset({
    ...stack,
    name: `fashion-mnist ${split} ${size}x${size}`,
    labels: labels.data,
    classes: FASHION_MNIST_CLASSES,
    provenance: {
      source: '@immiscible/fashion-mnist',
      hashes: { [imagesFile.name]: `md5:${images.md5}`, [labelsFile.name]: `md5:${labels.md5}` },
      operations,
    },
  });
}
