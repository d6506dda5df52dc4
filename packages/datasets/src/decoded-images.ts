/**
 * A list of image files as a data set: decoded on opening, or each whenever it is read.
 *
 * Length and order are settled on opening, so that a run can be resumed: files that turn out corrupt are found then
 * (policy `skip`), or end the run by name when they are read (policy `error`).
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  checkIndex,
  checkRead,
  type ImageDataset,
  type MemoryDataset,
  memoryDataset,
  type SkippedImage,
} from './dataset.ts';
import { checkFormat, decodeImage, type ImageFormat } from './decode-image.ts';
import { CorruptImageError, DatasetOptionError, TooFewImagesError, WrongDataError } from './errors.ts';
import { type FileTree } from './file-tree.ts';

/** One image file. */
export interface ListedImage {
  /** Path below the root, with forward slashes. */
  readonly file: string;
  /** Class, or `NO_LABEL`. */
  readonly label: number;
  readonly bytes: number;
}

/** How files become images; the same for every reader of compressed images. */
export interface DecodingOptions {
  /**
   * `error` (default): a corrupt image throws `CorruptImageError`. `skip`: it is left out and named in `skipped`; every
   * file is decoded once on opening, so that the length is known.
   */
  readonly onCorrupt?: 'error' | 'skip';
  /**
   * `memory`: decode all on opening. `lazy`: decode each image whenever it is read.
   * Default: `memory` for up to 1 GiB of pixels.
   */
  readonly decode?: 'memory' | 'lazy';
}

/** What `decodedImages` makes a data set of. */
export interface DecodedImagesParts {
  /** The reader, for errors. */
  readonly op: string;
  readonly tree: FileTree;
  readonly images: readonly ListedImage[];
  readonly format: ImageFormat;
  readonly options: DecodingOptions;
  readonly common: Pick<ImageDataset, 'name' | 'classes' | 'provenance'>;
}

const MEMORY_LIMIT = 2 ** 30;
/** Files in flight: enough to keep sharp's threads busy, few enough to bound memory. */
const IN_FLIGHT = 8;

/** SHA-256 over every `path<NUL>bytes<LF>`: tells one listing from another without reading the pixels. */
export function listingHash(images: readonly ListedImage[]): string {
  const hash = createHash('sha256');
  for (const { file, bytes } of images) hash.update(`${file}\0${bytes}\n`);
  return hash.digest('hex');
}

/** @throws DatasetOptionError unless format and policy are what they may be */
export function checkDecoding(op: string, format: ImageFormat, { onCorrupt, decode }: DecodingOptions): void {
  checkFormat(op, format);
  if ([undefined, 'error', 'skip'].includes(onCorrupt) && [undefined, 'memory', 'lazy'].includes(decode))
    return;
  throw new DatasetOptionError({
    op,
    wanted: "onCorrupt 'error' or 'skip', decode 'memory' or 'lazy'",
    got: `onCorrupt ${onCorrupt}, decode ${decode}`,
    fix: 'correct the option',
  });
}

/**
 * The data set, in the order of the list. It reads from the tree later on only where it is no `MemoryDataset`.
 *
 * @returns [N, channels, size, size] uint8
 * @throws CorruptImageError for the first corrupt image (by order) if the policy is `error`; with `decode: 'lazy'`
 *   when that image is read
 * @throws TooFewImagesError if every image was skipped
 */
export async function decodedImages(parts: DecodedImagesParts): Promise<ImageDataset> {
  const { images, format, options } = parts;
  const bytes = images.length * format.channels * format.size ** 2;
  const decode = options.decode ?? (bytes <= MEMORY_LIMIT ? 'memory' : 'lazy');
  if (decode === 'lazy') return openLazily(parts);
  const { kept, pixels, skipped } = await decodeAll(parts, true);
  return setInMemory(pixels, kept, format, { ...parts.common, ...skipped });
}

async function openLazily(parts: DecodedImagesParts): Promise<ImageDataset> {
  const { tree, images, format, options, common } = parts;
  if (options.onCorrupt !== 'skip') return lazySet(tree, images, format, common);
  const { kept, skipped } = await decodeAll(parts, false);
  return lazySet(tree, kept, format, { ...common, ...skipped });
}

/** Opens a set on a tree, which stays open as long as the set reads from it. */
export async function readSet(tree: FileTree, openSet: () => Promise<ImageDataset>): Promise<ImageDataset> {
  try {
    const set = await openSet();
    if ('images' in set) await tree.close();
    return set;
  } catch (error) {
    await tree.close();
    throw error;
  }
}

type Common = Pick<ImageDataset, 'name' | 'classes' | 'provenance' | 'skipped'>;

function setInMemory(
  images: Uint8Array,
  kept: readonly ListedImage[],
  { size, channels }: ImageFormat,
  common: Common,
): MemoryDataset {
  const labels = common.classes && { labels: Int32Array.from(kept, ({ label }) => label) };
  return memoryDataset({ ...common, ...labels, images, channels, height: size, width: size });
}

function lazySet(
  tree: FileTree,
  listed: readonly ListedImage[],
  format: ImageFormat,
  common: Common,
): ImageDataset {
  const { size, channels } = format;
  const at = (index: number): ListedImage => {
    checkIndex(common.name, index, listed.length);
    return listed[index]!;
  };
  return {
    ...common,
    length: listed.length,
    channels,
    height: size,
    width: size,
    async readInto(index, out, offset) {
      checkRead(common.name, index, listed.length, channels * size * size, out, offset);
      out.set(await readImage(tree, at(index), format), offset);
    },
    label: (index) => at(index).label,
  };
}

interface Decoded {
  readonly kept: ListedImage[];
  /** [kept, C, size, size]; empty if the pixels were not wanted. */
  readonly pixels: Uint8Array;
  /** Nothing where no image was left out. */
  readonly skipped: { readonly skipped?: SkippedImage[] };
}

/** Decodes every file, a few at a time; results and errors come in the order of the list. */
async function decodeAll(parts: DecodedImagesParts, keepPixels: boolean): Promise<Decoded> {
  const { op, tree, images: listed, format, options } = parts;
  const imageBytes = format.channels * format.size ** 2;
  const pixels = new Uint8Array(keepPixels ? listed.length * imageBytes : 0);
  const kept: ListedImage[] = [];
  const skipped: SkippedImage[] = [];
  for (let start = 0; start < listed.length; start += IN_FLIGHT) {
    const group = listed.slice(start, start + IN_FLIGHT);
    const results = await Promise.allSettled(group.map((image) => readImage(tree, image, format)));
    for (const [i, image] of group.entries()) {
      const result = results[i]!;
      if (result.status === 'fulfilled') {
        if (keepPixels) pixels.set(result.value, kept.length * imageBytes);
        kept.push(image);
        continue;
      }
      const error: unknown = result.reason;
      if (options.onCorrupt !== 'skip' || !(error instanceof CorruptImageError)) throw error;
      skipped.push({ file: error.file, reason: error.message });
    }
  }
  if (kept.length === 0) {
    const first = skipped[0];
    throw new TooFewImagesError({
      op,
      wanted: `images in ${tree.path} that decode`,
      got: `${skipped.length} corrupt files (${first?.file}: ${first?.reason})`,
      fix: 'check that these are JPEG, PNG or WebP files',
    });
  }
  return {
    kept,
    pixels: pixels.subarray(0, kept.length * imageBytes),
    skipped: skipped.length > 0 ? { skipped } : {},
  };
}

async function readImage(tree: FileTree, { file }: ListedImage, format: ImageFormat): Promise<Uint8Array> {
  const full = join(tree.path, file);
  const bytes = await tree.read(file).catch((error: unknown) => {
    if (!(error instanceof WrongDataError)) throw error;
    throw new CorruptImageError(full, {
      op: 'decodeImage',
      wanted: 'a whole JPEG, PNG or WebP image',
      got: `a damaged archive (${error.message})`,
      fix: "get the archive again, or skip such files with onCorrupt: 'skip'",
      cause: error,
    });
  });
  return (await decodeImage(bytes, full, format)).images;
}
