/**
 * One compressed image to planar bytes of a fixed size.
 *
 * The whole image is decoded before anything is cut from it, and the decoder stops at its first warning: a file that
 * breaks off, in a corner that the crop leaves out or not, is an error here and never a grey or black patch.
 * Pixels are those of Pillow's `convert('RGB')`: colour profiles are ignored, alpha is dropped; orientation (EXIF) is
 * applied.
 */
import type Sharp from 'sharp';
import type { OutputInfo } from 'sharp';
import type { ImageStack } from './dataset.ts';
import { CorruptImageError, DatasetOptionError, reasonOf, WrongDataError } from './errors.ts';
import { type Rectangle, toGrey } from './transform.ts';

/**
 * Which part of an image is kept, before it is scaled to size × size.
 * `centre`: the largest square in the middle. `stretch`: all of it, whatever its shape. Or a square by its left, top
 * and size in pixels of the file.
 */
export type Crop =
  'centre' | 'stretch' | { readonly left: number; readonly top: number; readonly size: number };

/** What every image of a folder is made into. */
export interface ImageFormat {
  /** Height and width of the result. */
  readonly size: number;
  readonly crop: Crop;
  /** 1: grey (BT.601, as Pillow). 3: RGB. */
  readonly channels: 1 | 3;
  /** Height and width that every file must have, for a crop that means nothing in another. Any, if absent. */
  readonly fileSize?: { readonly width: number; readonly height: number };
}

interface DecodedImage {
  readonly data: Uint8Array;
  readonly info: OutputInfo;
}

/** sharp is loaded with the first image, so that sets without image files start without it. */
let loading: Promise<typeof Sharp> | undefined;

async function loadSharp(): Promise<typeof Sharp> {
  loading ??= import('sharp').then((module) => module.default);
  return loading;
}

/**
 * Decodes, cuts, scales (Lanczos, a = 3, antialiased) and separates the channels.
 *
 * @param bytes the file: JPEG, PNG or WebP
 * @param file its name, for errors
 * @returns [1, channels, size, size] uint8
 * @throws CorruptImageError if the file cannot be decoded whole
 * @throws WrongDataError if the crop lies outside the image, or the image has another size than it must have
 */
export async function decodeImage(bytes: Uint8Array, file: string, format: ImageFormat): Promise<ImageStack> {
  const { size, crop } = format;
  const sharp = await loadSharp();
  const decoded = await decodeWhole(sharp, bytes).catch((error: unknown) => {
    throw new CorruptImageError(file, {
      op: 'decodeImage',
      wanted: 'a whole JPEG, PNG or WebP image',
      got: `${file}: ${bytes.length} bytes that do not decode (${reasonOf(error)})`,
      fix: "replace or remove the file, or skip such files with onCorrupt: 'skip'",
      cause: error,
    });
  });
  const { width, height } = decoded.info;
  checkFileSize(file, format.fileSize, width, height);
  const part = cropOf(file, crop, width, height);
  let pixels: Uint8Array = decoded.data;
  const scaled = part.width !== size || part.height !== size;
  if (scaled || width !== size || height !== size) {
    const cropped = sharp(decoded.data, { raw: { width, height, channels: 3 } }).extract(part);
    const resized = scaled ? cropped.resize(size, size, { fit: 'fill', kernel: 'lanczos3' }) : cropped;
    pixels = await track(resized.raw().toBuffer());
  }
  const rgb: ImageStack = { images: planes(pixels, size * size), channels: 3, height: size, width: size };
  return format.channels === 1 ? toGrey(rgb) : rgb;
}

/** What sharp has under way for us. */
const underWay = new Set<Promise<unknown>>();

/**
 * Decodes; what fails is decoded again once nothing else is under way. libvips keeps one error text for the whole
 * process, which every job clears as it ends, so an image that fails beside others may lose its reason or carry
 * another's.
 */
async function decodeWhole(sharp: typeof Sharp, bytes: Uint8Array): Promise<DecodedImage> {
  try {
    return await track(decodeRgb(sharp, bytes));
  } catch {
    while (underWay.size > 0) await Promise.allSettled(underWay);
    return track(decodeRgb(sharp, bytes));
  }
}

async function track<T>(work: Promise<T>): Promise<T> {
  underWay.add(work);
  try {
    return await work;
  } finally {
    underWay.delete(work);
  }
}

/** All pixels, [H, W, 3]. Async, so that what sharp throws at once (an empty buffer) is a rejection too. */
async function decodeRgb(sharp: typeof Sharp, bytes: Uint8Array): Promise<DecodedImage> {
  return sharp(bytes, { failOn: 'warning', ignoreIcc: true })
    .autoOrient()
    .removeAlpha()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
}

/** A word for the crop and the scaling, for the record of where pixels came from. */
export function describeFormat({ size, crop, channels }: ImageFormat): string[] {
  const part =
    typeof crop === 'string' ? crop : `${crop.size}x${crop.size} at left ${crop.left}, top ${crop.top}`;
  const colour = channels === 1 ? 'grey (BT.601)' : 'RGB';
  return ['orient by EXIF', `crop ${part}`, `lanczos3 -> ${size}x${size}`, colour];
}

/** @throws DatasetOptionError unless size, crop and channels are what they may be */
export function checkFormat(op: string, { size, crop, channels }: ImageFormat): void {
  const square = typeof crop === 'string' ? undefined : crop;
  const counts = square ? [square.left, square.top, square.size - 1] : [];
  const named = crop === 'centre' || crop === 'stretch' || square !== undefined;
  const whole = counts.every((n) => Number.isInteger(n) && n >= 0);
  if (Number.isInteger(size) && size >= 1 && size <= 8192 && named && whole && [1, 3].includes(channels))
    return;
  throw new DatasetOptionError({
    op,
    wanted: "a size from 1 to 8192, 1 or 3 channels, crop 'centre', 'stretch' or { left, top, size }",
    got: `size ${size}, channels ${channels}, crop ${JSON.stringify(crop)}`,
    fix: 'correct the option',
  });
}

function checkFileSize(file: string, wanted: ImageFormat['fileSize'], width: number, height: number): void {
  if (wanted === undefined || (wanted.width === width && wanted.height === height)) return;
  throw new WrongDataError({
    op: 'decodeImage',
    wanted: `an image of ${wanted.width}×${wanted.height}`,
    got: `${file} of ${width}×${height}`,
    fix: 'pass the set as it was published, or a crop by left, top and size',
  });
}

function cropOf(file: string, crop: Crop, width: number, height: number): Rectangle {
  if (crop === 'stretch') return { left: 0, top: 0, width, height };
  if (crop === 'centre') {
    const side = Math.min(width, height);
    return { left: (width - side) >> 1, top: (height - side) >> 1, width: side, height: side };
  }
  if (crop.left + crop.size <= width && crop.top + crop.size <= height) {
    return { left: crop.left, top: crop.top, width: crop.size, height: crop.size };
  }
  throw new WrongDataError({
    op: 'decodeImage',
    wanted: `an image that holds ${crop.size}×${crop.size} at left ${crop.left}, top ${crop.top}`,
    got: `${file} of ${width}×${height}`,
    fix: "choose a crop that every image allows, or 'centre'",
  });
}

/** [H·W, 3] to [3, H·W]. */
function planes(pixels: Uint8Array, area: number): Uint8Array {
  const out = new Uint8Array(3 * area);
  for (let i = 0, at = 0; i < area; i++) {
    out[i] = pixels[at++]!;
    out[area + i] = pixels[at++]!;
    out[2 * area + i] = pixels[at++]!;
  }
  return out;
}
