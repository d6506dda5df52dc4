export {
  CorruptImageError,
  DatasetError,
  DatasetOptionError,
  MissingDataError,
  TooFewImagesError,
  WrongDataError,
} from './errors.ts';
export {
  type ImageDataset,
  type ImageStack,
  memoryDataset,
  type MemoryDataset,
  type MemoryDatasetParts,
  NO_LABEL,
  type Provenance,
  type SkippedImage,
} from './dataset.ts';
export { type DatasetSpec, DATASET_KINDS, openDataset } from './open.ts';
export {
  FASHION_MNIST_CLASSES,
  type FashionMnistOptions,
  type FashionMnistSize,
  openFashionMnist,
} from './fashion-mnist.ts';
export { CIFAR10_CLASSES, type Cifar10Options, openCifar10 } from './cifar.ts';
export { CELEBA_CROPS, type CelebACrop, type CelebAOptions, openCelebA } from './celeba.ts';
export { openTinyImageNet, type TinyImageNetOptions } from './tiny-imagenet.ts';
export { type ImageFolderOptions, openImageFolder } from './image-folder.ts';
export { type DecodingOptions } from './decoded-images.ts';
export { type Crop, decodeImage, type ImageFormat } from './decode-image.ts';
export {
  type IdxArray,
  openIdx,
  type OpenIdxOptions,
  parseIdx,
  readIdx,
  type ReadIdxOptions,
} from './idx.ts';
export { openToy2d, toy2dModes, type Toy2dOptions, type Toy2dShape, TOY_2D_SHAPES } from './toy-2d.ts';
export {
  isValueDataset,
  type Modes,
  readValues,
  type ValueDataset,
  valueDataset,
  type ValueDatasetParts,
} from './value-dataset.ts';
export {
  centreCrop,
  cut,
  flipHorizontal,
  meanPool,
  type Rectangle,
  toGrey,
  toRgb,
  zeroPad,
} from './transform.ts';
export { denormalise, normalise } from './normalise.ts';
export {
  type Batch,
  type BatchBuffers,
  createLoader,
  type Loader,
  type LoaderOptions,
  type LoaderState,
} from './loader.ts';
