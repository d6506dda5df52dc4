/**
 * A folder of images as a data set: flat (no labels), or one folder a class as ImageNet and torchvision have it.
 *
 * Length and order are settled on opening, so that a run can be resumed: files that turn out corrupt are found then
 * (policy `skip`), or end the run by name when they are read (policy `error`).
 */
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import {
  checkIndex,
  checkRead,
  type ImageDataset,
  type MemoryDataset,
  memoryDataset,
  type Provenance,
  type SkippedImage,
} from './dataset.ts';
import { checkFormat, type Crop, decodeImage, describeFormat, type ImageFormat } from './decode-image.ts';
import { CorruptImageError, DatasetOptionError, TooFewImagesError } from './errors.ts';
import { type ListedImage, listImages } from './list-images.ts';
import { missing } from './read-file.ts';

/** Options of `openImageFolder`. */
export interface ImageFolderOptions {
  readonly path: string;
  /** Height and width of the images that come out. */
  readonly size: number;
  /** Default `centre`. */
  readonly crop?: Crop;
  /** 1 makes every image grey, 3 makes every image RGB. Default 3. */
  readonly channels?: 1 | 3;
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

const OP = 'openImageFolder';
const MEMORY_LIMIT = 2 ** 30;
/** Files in flight: enough to keep sharp's threads busy, few enough to bound memory. */
const IN_FLIGHT = 8;

/**
 * Opens a folder of JPEG, PNG and WebP images.
 *
 * @returns [N, channels, size, size] uint8, sorted by path; labels are the sorted class folders, or `NO_LABEL`
 * @throws MissingDataError, WrongDataError as `listImages`, or if a crop does not fit an image
 * @throws CorruptImageError for the first corrupt image (by order) if the policy is `error`; with `decode: 'lazy'`
 *   when that image is read
 * @throws TooFewImagesError if every image was skipped
 */
export async function openImageFolder(options: ImageFolderOptions): Promise<ImageDataset> {
  const { path, size, crop = 'centre', channels = 3, onCorrupt = 'error' } = options;
  const format: ImageFormat = { size, crop, channels };
  checkFormat(OP, format);
  checkPolicy(onCorrupt, options.decode);
  const listing = await listImages(path);
  const bytes = listing.images.length * channels * size * size;
  const decode = options.decode ?? (bytes <= MEMORY_LIMIT ? 'memory' : 'lazy');
  const common = {
    name: `${basename(resolve(path))} ${size}x${size}`,
    ...(listing.classes && { classes: listing.classes }),
    provenance: {
      source: path,
      hashes: { 'names and sizes': `sha256:${listing.sha256}` },
      operations: describeFormat(format),
    } satisfies Provenance,
  };
  if (decode === 'lazy' && onCorrupt === 'error') return lazyFolder(path, listing.images, format, common);

  const { kept, images, skipped } = await decodeAll(
    path,
    listing.images,
    format,
    onCorrupt,
    decode === 'memory',
  );
  if (kept.length === 0) {
    const first = skipped[0];
    throw new TooFewImagesError({
      op: OP,
      wanted: `images in ${path} that decode`,
      got: `${skipped.length} corrupt files (${first?.file}: ${first?.reason})`,
      fix: 'check that these are JPEG, PNG or WebP files',
    });
  }
  const report = skipped.length > 0 ? { skipped } : {};
  if (images === undefined) return lazyFolder(path, kept, format, { ...common, ...report });
  return folderInMemory(images, kept, format, { ...common, ...report });
}

type Common = Pick<ImageDataset, 'name' | 'classes' | 'provenance' | 'skipped'>;

function folderInMemory(
  images: Uint8Array,
  kept: ListedImage[],
  format: ImageFormat,
  common: Common,
): MemoryDataset {
  const { size, channels } = format;
  const labels = common.classes && { labels: Int32Array.from(kept, ({ label }) => label) };
  return memoryDataset({ ...common, ...labels, images, channels, height: size, width: size });
}

function lazyFolder(
  path: string,
  listed: readonly ListedImage[],
  { size, crop, channels }: ImageFormat,
  common: Common,
): ImageDataset {
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
      out.set(await readImage(path, at(index), { size, crop, channels }), offset);
    },
    label: (index) => at(index).label,
  };
}

interface Decoded {
  kept: ListedImage[];
  /** [kept, C, size, size]; absent if the pixels were not wanted. */
  images: Uint8Array | undefined;
  skipped: SkippedImage[];
}

/** Decodes every file, a few at a time; results and errors come in the order of the list. */
async function decodeAll(
  path: string,
  listed: readonly ListedImage[],
  format: ImageFormat,
  onCorrupt: 'error' | 'skip',
  keepPixels: boolean,
): Promise<Decoded> {
  const imageBytes = format.channels * format.size ** 2;
  const pixels = keepPixels ? new Uint8Array(listed.length * imageBytes) : undefined;
  const kept: ListedImage[] = [];
  const skipped: SkippedImage[] = [];
  for (let start = 0; start < listed.length; start += IN_FLIGHT) {
    const group = listed.slice(start, start + IN_FLIGHT);
    const results = await Promise.allSettled(group.map((image) => readImage(path, image, format)));
    for (const [i, image] of group.entries()) {
      const result = results[i]!;
      if (result.status === 'fulfilled') {
        pixels?.set(result.value, kept.length * imageBytes);
        kept.push(image);
        continue;
      }
      const error: unknown = result.reason;
      if (onCorrupt === 'error' || !(error instanceof CorruptImageError)) throw error;
      skipped.push({ file: error.file, reason: error.message });
    }
  }
  return { kept, images: pixels?.subarray(0, kept.length * imageBytes), skipped };
}

async function readImage(path: string, { file }: ListedImage, format: ImageFormat): Promise<Uint8Array> {
  const full = join(path, file);
  const bytes = await readFile(full).catch((error: unknown) => {
    throw missing(
      OP,
      'an image that was there on opening',
      full,
      'put it back, or open the folder again',
      error,
    );
  });
  return (await decodeImage(bytes, full, format)).images;
}

function checkPolicy(onCorrupt: string, decode: string | undefined): void {
  if (['error', 'skip'].includes(onCorrupt) && [undefined, 'memory', 'lazy'].includes(decode)) return;
  throw new DatasetOptionError({
    op: OP,
    wanted: "onCorrupt 'error' or 'skip', decode 'memory' or 'lazy'",
    got: `onCorrupt ${onCorrupt}, decode ${decode}`,
    fix: 'correct the option',
  });
}
