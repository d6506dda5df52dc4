/**
 * CelebA, aligned and cropped: 202,599 faces of 178×218 in `img_align_celeba`, a folder or the published zip archive, read
 * in place. https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Liu, Luo, Wang, Tang 2015)
 *
 * Which square of a face is kept differs from paper to paper and moves every metric: the crop is part of the set's name.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { type CelebAAttributes, readAttributes, readPartition } from './celeba-lists.ts';
import { type ImageDataset, NO_LABEL } from './dataset.ts';
import { type Crop, describeFormat, type ImageFormat } from './decode-image.ts';
import {
  checkDecoding,
  decodedImages,
  type DecodingOptions,
  type ListedImage,
  listingHash,
  readSet,
} from './decoded-images.ts';
import { DatasetOptionError, MissingDataError } from './errors.ts';
import { type FileTree, folderTree } from './file-tree.ts';
import { kindOf } from './read-file.ts';
import { zipTree } from './zip-tree.ts';

/** Squares that papers cut out of the 178×218 faces. */
export const CELEBA_CROPS = {
  /** 140² in the middle: score_sde (Song et al. 2021), NCSN, and what builds on them */
  'centre-140': { left: 19, top: 39, size: 140 },
  /** 128² about (89, 121): DDIM (Song et al. 2021) */
  'ddim-128': { left: 25, top: 57, size: 128 },
  /** 148² at the top 40: VAEs and GANs since Larsen et al. 2016 */
  'top-40-148': { left: 15, top: 40, size: 148 },
} as const;

export type CelebACrop = keyof typeof CELEBA_CROPS;
type Square = Exclude<Crop, string>;

/** Options of `openCelebA`. */
export interface CelebAOptions extends DecodingOptions {
  /**
   * A folder that holds `img_align_celeba` or `img_align_celeba.zip` (or has them in `Img`, as published), that archive,
   * or that folder itself; or what Kaggle's archive unpacks to (`img_align_celeba/img_align_celeba`, lists in CSV).
   */
  readonly path: string;
  /** 162,770, 19,867 and 19,962 faces by `list_eval_partition.txt`; `all` needs no list. */
  readonly split: 'train' | 'valid' | 'test' | 'all';
  /** Height and width of the images that come out. Default 64. */
  readonly size?: number;
  /** Default `centre-140`. A square of one's own is taken of faces of any size. */
  readonly crop?: CelebACrop | Square;
  /**
   * Attributes that become labels: 0 or 1 for one, bit i for the i-th of several. At most 8; default none. They are read
   * from `list_attr_celeba.txt`.
   */
  readonly attributes?: readonly string[];
}

const OP = 'openCelebA';
const FOLDER = 'img_align_celeba';
const FACE = { width: 178, height: 218 };
const FIX = `get ${FOLDER}.zip and list_eval_partition.txt from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html and put them into one folder`;

/**
 * Opens CelebA.
 *
 * @returns [N, 3, size, size] uint8, in the order of the list
 * @throws MissingDataError if images, lists or an image that a list names are not there
 * @throws WrongDataError if the archive or a list is not what it should be, or a face is not 178×218
 * @throws CorruptImageError, TooFewImagesError as `openImageFolder`
 */
export async function openCelebA(options: CelebAOptions): Promise<ImageDataset> {
  const { path, split, size = 64, crop = 'centre-140', attributes = [] } = options;
  if (!['train', 'valid', 'test', 'all'].includes(split)) {
    const wanted = 'split train, valid, test or all';
    throw new DatasetOptionError({ op: OP, wanted, got: split, fix: 'choose one' });
  }
  const format = formatOf(crop, size);
  checkDecoding(OP, format, options);
  const { tree, base } = await findFaces(path);
  return readSet(tree, async () => {
    const labels = attributes.length > 0 ? await readAttributes(OP, base, attributes, FIX) : undefined;
    const { images, hashes } = await listFaces(tree, base, split, labels);
    return decodedImages({
      op: OP,
      tree,
      images,
      format,
      options,
      common: {
        name: `celeba ${split} ${cropName(crop)} ${size}x${size}`,
        ...(labels && { classes: labels.classes }),
        provenance: {
          source: path,
          hashes: { ...hashes, ...labels?.hashes, 'names and sizes': `sha256:${listingHash(images)}` },
          operations: describeFormat(format),
        },
      },
    });
  });
}

/** A published crop means something in faces of the published size alone. */
function formatOf(crop: CelebACrop | Square, size: number): ImageFormat {
  if (typeof crop !== 'string') return { size, crop, channels: 3 };
  const published = (CELEBA_CROPS as Readonly<Partial<Record<string, Square>>>)[crop];
  if (published) return { size, crop: published, channels: 3, fileSize: FACE };
  const wanted = `crop ${Object.keys(CELEBA_CROPS).join(', ')} or { left, top, size }`;
  throw new DatasetOptionError({ op: OP, wanted, got: crop, fix: 'choose one' });
}

function cropName(crop: CelebACrop | Square): string {
  return typeof crop === 'string' ? crop : `crop ${crop.size}+${crop.left}+${crop.top}`;
}

interface Faces {
  /** Holds `img_align_celeba`. */
  readonly tree: FileTree;
  /** The folder on disk beside which the lists are looked for. */
  readonly base: string;
}

/** Finds the images from any of the paths that a user may mean by "CelebA". */
async function findFaces(path: string): Promise<Faces> {
  if ((await kindOf(path)) === 'file') return { tree: await zipTree(OP, path, FIX), base: dirname(path) };
  for (const base of [path, join(path, 'Img')]) {
    const within = join(base, FOLDER);
    if ((await kindOf(within)) === 'folder') {
      const inner = (await kindOf(join(within, FOLDER))) === 'folder' ? within : base;
      return { tree: folderTree(OP, inner, FIX), base: inner };
    }
    const archive = join(base, `${FOLDER}.zip`);
    if ((await kindOf(archive)) === 'file') return { tree: await zipTree(OP, archive, FIX), base };
  }
  const full = resolve(path);
  if (basename(full) === FOLDER) return { tree: folderTree(OP, dirname(full), FIX), base: dirname(full) };
  throw new MissingDataError({
    op: OP,
    wanted: `${FOLDER} or ${FOLDER}.zip`,
    got: `neither in ${path}`,
    fix: FIX,
  });
}

/** The faces of a split, in the order of its list; all of them by name for `all`. */
async function listFaces(
  tree: FileTree,
  base: string,
  split: CelebAOptions['split'],
  labels: CelebAAttributes | undefined,
): Promise<{ images: ListedImage[]; hashes: Readonly<Record<string, string>> }> {
  const sizes = await tree.files(FOLDER);
  const partition = split === 'all' ? undefined : await readPartition(OP, base, split, FIX);
  const names = partition?.names ?? [...sizes.keys()].filter((name) => /\.jpe?g$/i.test(name));
  if (names.length === 0) {
    const got = `none in ${FOLDER} of ${tree.path}`;
    throw new MissingDataError({ op: OP, wanted: `JPEG images of split ${split}`, got, fix: FIX });
  }
  const images = names.map((name): ListedImage => {
    const bytes = sizes.get(name);
    if (bytes === undefined) {
      const wanted = `${name}, which list_eval_partition.txt names`;
      throw new MissingDataError({ op: OP, wanted, got: `${FOLDER} of ${tree.path} without it`, fix: FIX });
    }
    return { file: `${FOLDER}/${name}`, label: labels ? labels.labelOf(name) : NO_LABEL, bytes };
  });
  return { images, hashes: partition?.hashes ?? {} };
}
