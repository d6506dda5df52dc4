/**
 * The four files of Fashion-MNIST, where this package put them, and the MD5 by which everybody knows them.
 *
 * They are the authors' own gzipped IDX files of August 2017, byte for byte, so that a hash published elsewhere
 * (the authors' README, torchvision) can be checked against them. Each `../assets/` path is relative to this
 * module and holds from `src` and from `dist` alike; written out in full, bundlers see it too.
 *
 * Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
 * arXiv:1708.07747.
 */

/** One gzipped IDX file. */
export interface FashionMnistFile {
  /** The authors' file name. */
  readonly name: string;
  /** A `file:` URL; `fs.readFile` takes it as it is. */
  readonly url: URL;
  /** MD5 of the gzipped file, lower-case hex, as the authors published it. */
  readonly md5: string;
  /** Size of the gzipped file. */
  readonly bytes: number;
  /** What it unpacks to: [images, height, width] or [labels], unsigned bytes. */
  readonly dims: readonly number[];
}

/** The training set (60,000 images and labels) and the test set (10,000), 28×28 grey, labels 0 to 9. */
export const files: {
  readonly trainImages: FashionMnistFile;
  readonly trainLabels: FashionMnistFile;
  readonly testImages: FashionMnistFile;
  readonly testLabels: FashionMnistFile;
} = {
  trainImages: {
    name: 'train-images-idx3-ubyte.gz',
    url: new URL('../assets/train-images-idx3-ubyte.gz', import.meta.url),
    md5: '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
    bytes: 26_421_880,
    dims: [60_000, 28, 28],
  },
  trainLabels: {
    name: 'train-labels-idx1-ubyte.gz',
    url: new URL('../assets/train-labels-idx1-ubyte.gz', import.meta.url),
    md5: '25c81989df183df01b3e8a0aad5dffbe',
    bytes: 29_515,
    dims: [60_000],
  },
  testImages: {
    name: 't10k-images-idx3-ubyte.gz',
    url: new URL('../assets/t10k-images-idx3-ubyte.gz', import.meta.url),
    md5: 'bef4ecab320f06d8554ea6380940ec79',
    bytes: 4_422_102,
    dims: [10_000, 28, 28],
  },
  testLabels: {
    name: 't10k-labels-idx1-ubyte.gz',
    url: new URL('../assets/t10k-labels-idx1-ubyte.gz', import.meta.url),
    md5: 'bb300cfdad3c16e7a12a480ee83cd310',
    bytes: 5_148,
    dims: [10_000],
  },
};
