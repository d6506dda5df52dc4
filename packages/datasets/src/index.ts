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
export { type ImageFolderOptions, openImageFolder } from './image-folder.ts';
export { type Crop, decodeImage, type ImageFormat } from './decode-image.ts';
export {
  type IdxArray,
  openIdx,
  type OpenIdxOptions,
  parseIdx,
  readIdx,
  type ReadIdxOptions,
} from './idx.ts';
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
