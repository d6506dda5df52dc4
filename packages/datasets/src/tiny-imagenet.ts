/**
 * tiny-ImageNet as published for Stanford's CS231n: 200 classes of 500 training and 50 validation JPEGs of 64×64, some of
 * them grey. http://cs231n.stanford.edu/tiny-imagenet-200.zip, or the folder unpacked from it.
 *
 * Label i is line i of `wnids.txt`, which is not sorted: whoever lists the folders instead has other labels.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { type ImageDataset } from './dataset.ts';
import { describeFormat, type ImageFormat } from './decode-image.ts';
import {
  checkDecoding,
  decodedImages,
  type DecodingOptions,
  type ListedImage,
  listingHash,
  readSet,
} from './decoded-images.ts';
import { DatasetOptionError, MissingDataError, WrongDataError } from './errors.ts';
import { type FileTree, folderTree, readLines } from './file-tree.ts';
import { kindOf } from './read-file.ts';
import { zipTree } from './zip-tree.ts';

/** Options of `openTinyImageNet`. */
export interface TinyImageNetOptions extends DecodingOptions {
  /** `tiny-imagenet-200`, the folder that holds it, or `tiny-imagenet-200.zip`. */
  readonly path: string;
  /** 100,000 and 10,000 images. The test images have no labels and are not read. */
  readonly split: 'train' | 'val';
  /** Height and width of the images that come out. Default 64, their own. */
  readonly size?: number;
}

const OP = 'openTinyImageNet';
const ROOT = 'tiny-imagenet-200';
const SIDE = 64;
const FIX = `get ${ROOT}.zip from http://cs231n.stanford.edu/${ROOT}.zip and pass it, or the folder unpacked from it`;

/**
 * Opens tiny-ImageNet.
 *
 * @returns [N, 3, size, size] uint8, grey images as RGB; labels 0 to 199 in the order of `wnids.txt`. Training images come
 *   class by class, validation images as `val_annotations.txt` lists them
 * @throws MissingDataError if a list, a class or an image is not there
 * @throws WrongDataError if the archive or a list is not what it should be
 * @throws CorruptImageError, TooFewImagesError as `openImageFolder`
 */
export async function openTinyImageNet(options: TinyImageNetOptions): Promise<ImageDataset> {
  const { split, size = SIDE } = options;
  if (!['train', 'val'].includes(split)) {
    throw new DatasetOptionError({ op: OP, wanted: 'split train or val', got: split, fix: 'choose one' });
  }
  const format: ImageFormat = { size, crop: 'stretch', channels: 3, fileSize: { width: SIDE, height: SIDE } };
  checkDecoding(OP, format, options);
  const tree = await findTree(options.path);
  return readSet(tree, async () => {
    const { ids, hash } = await readIds(tree);
    const images = split === 'train' ? await listTraining(tree, ids) : await listValidation(tree, ids);
    return decodedImages({
      op: OP,
      tree,
      images,
      format,
      options,
      common: {
        name: `tiny-imagenet ${split} ${size}x${size}`,
        classes: await classNames(tree, ids),
        provenance: {
          source: options.path,
          hashes: { 'wnids.txt': hash, 'names and sizes': `sha256:${listingHash(images)}` },
          operations: describeFormat(format),
        },
      },
    });
  });
}

/** The tree whose root holds `tiny-imagenet-200`. */
async function findTree(path: string): Promise<FileTree> {
  if ((await kindOf(path)) === 'file') return zipTree(OP, path, FIX);
  if ((await kindOf(join(path, ROOT))) === 'folder') return folderTree(OP, path, FIX);
  const full = resolve(path);
  if (basename(full) === ROOT) return folderTree(OP, dirname(full), FIX);
  const archive = join(path, `${ROOT}.zip`);
  if ((await kindOf(archive)) === 'file') return zipTree(OP, archive, FIX);
  throw new MissingDataError({
    op: OP,
    wanted: `${ROOT} or ${ROOT}.zip`,
    got: `neither in ${path}`,
    fix: FIX,
  });
}

/** The classes in the order of their labels. Ids become paths, so they must be ids. */
async function readIds(tree: FileTree): Promise<{ ids: string[]; hash: string }> {
  const file = `${ROOT}/wnids.txt`;
  const { lines, md5 } = await readLines(tree, file);
  const ids = lines.map((line) => line.trim());
  const stray = ids.findIndex((id, i) => !/^n\d{8}$/.test(id) || ids.indexOf(id) !== i);
  if (stray < 0 && ids.length > 0) return { ids, hash: `md5:${md5}` };
  const got = ids.length === 0 ? 'an empty file' : `"${ids[stray]?.slice(0, 40)}" in line ${stray + 1}`;
  throw new WrongDataError({ op: OP, wanted: `ids as n01443537, each once, in ${file}`, got, fix: FIX });
}

async function listTraining(tree: FileTree, ids: readonly string[]): Promise<ListedImage[]> {
  const images: ListedImage[] = [];
  for (const [label, id] of ids.entries()) {
    const folder = `${ROOT}/train/${id}/images`;
    const before = images.length;
    for (const [name, bytes] of await tree.files(folder)) {
      if (isImage(name)) images.push({ file: `${folder}/${name}`, label, bytes });
    }
    if (images.length > before) continue;
    const got = `none in ${folder} of ${tree.path}`;
    throw new MissingDataError({ op: OP, wanted: `images of ${id}, which wnids.txt names`, got, fix: FIX });
  }
  return images;
}

async function listValidation(tree: FileTree, ids: readonly string[]): Promise<ListedImage[]> {
  const labels = new Map(ids.map((id, label) => [id, label]));
  const folder = `${ROOT}/val/images`;
  const sizes = await tree.files(folder);
  const list = `${ROOT}/val/val_annotations.txt`;
  const { lines } = await readLines(tree, list);
  return lines.map((line, i) => {
    const [name = '', id = ''] = line.split('\t');
    const label = labels.get(id);
    if (label === undefined) {
      const wanted = `lines as "val_0.JPEG<TAB>n03444034<TAB>…" with a class of wnids.txt in ${list}`;
      throw new WrongDataError({ op: OP, wanted, got: `"${line.slice(0, 80)}" in line ${i + 1}`, fix: FIX });
    }
    const bytes = sizes.get(name);
    if (bytes === undefined) {
      const got = `${folder} of ${tree.path} without it`;
      throw new MissingDataError({ op: OP, wanted: `${name}, which ${list} names`, got, fix: FIX });
    }
    return { file: `${folder}/${name}`, label, bytes };
  });
}

/** The words of `words.txt` for every class; where there are none, its id. */
async function classNames(tree: FileTree, ids: readonly string[]): Promise<string[]> {
  if (!(await tree.files(ROOT)).has('words.txt')) return [...ids];
  const { lines } = await readLines(tree, `${ROOT}/words.txt`);
  const words = new Map(
    lines.map((line): [string, string] => {
      const [id = '', ...text] = line.split('\t');
      return [id, text.join(' ').trim()];
    }),
  );
  return ids.map((id) => words.get(id) ?? id);
}

function isImage(name: string): boolean {
  return /\.jpe?g$/i.test(name) && !name.startsWith('.');
}
