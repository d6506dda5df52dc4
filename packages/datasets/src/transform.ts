/**
 * Named, exact operations on stacks of images, uint8 in and uint8 out. A recipe that says "zero-pad to 32, then
 * 2×2 mean" can be repeated elsewhere to the byte; an unnamed "resize" cannot.
 *
 * All take and give [N, C, H, W]; none changes its input.
 */
import { countImages, type ImageStack } from './dataset.ts';
import { DatasetOptionError } from './errors.ts';

/**
 * Sets the images in the middle of a square of zeros (28×28 to 32×32 adds two pixels on each side). An odd
 * difference puts the extra pixel right and below.
 *
 * @throws DatasetOptionError if the square is smaller than the images
 */
export function zeroPad(stack: ImageStack, size: number): ImageStack {
  const { channels, height, width } = stack;
  const fits = Number.isInteger(size) && size >= height && size >= width;
  check('zeroPad', fits, `a size of at least ${Math.max(height, width)}`, size);
  const planes = countImages('zeroPad', stack) * channels;
  const top = (size - height) >> 1;
  const left = (size - width) >> 1;
  const images = new Uint8Array(planes * size * size);
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < height; y++) {
      const from = (plane * height + y) * width;
      images.set(stack.images.subarray(from, from + width), (plane * size + top + y) * size + left);
    }
  }
  return { images, channels, height: size, width: size };
}

/**
 * Averages blocks of `factor` × `factor` pixels (area averaging), rounding halves up.
 *
 * @throws DatasetOptionError if the factor does not divide height and width
 */
export function meanPool(stack: ImageStack, factor: number): ImageStack {
  const { channels } = stack;
  const fits =
    Number.isInteger(factor) && factor >= 1 && stack.height % factor === 0 && stack.width % factor === 0;
  check('meanPool', fits, `a factor that divides ${stack.height} and ${stack.width}`, factor);
  const planes = countImages('meanPool', stack) * channels;
  const height = stack.height / factor;
  const width = stack.width / factor;
  const area = factor * factor;
  const half = area >> 1;
  const images = new Uint8Array(planes * height * width);
  const sums = new Uint32Array(width);
  for (let row = 0; row < planes * height; row++) {
    sums.fill(half);
    for (let dy = 0; dy < factor; dy++) {
      let from = (row * factor + dy) * stack.width;
      for (let x = 0; x < width; x++) {
        let sum = sums[x]!;
        for (let dx = 0; dx < factor; dx++) sum += stack.images[from++]!;
        sums[x] = sum;
      }
    }
    for (let x = 0; x < width; x++) images[row * width + x] = Math.floor(sums[x]! / area);
  }
  return { images, channels, height, width };
}

/** A part of an image, in its pixels. */
export interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Cuts a rectangle out of each image. @throws DatasetOptionError if it does not lie within them */
export function cut(stack: ImageStack, part: Rectangle): ImageStack {
  const { left, top, width, height } = part;
  const whole = [left, top, width, height].every(Number.isInteger) && left >= 0 && top >= 0;
  const inside = width >= 1 && height >= 1 && left + width <= stack.width && top + height <= stack.height;
  check(
    'cut',
    whole && inside,
    `a rectangle within ${stack.width}×${stack.height}`,
    `${width}×${height} at left ${left}, top ${top}`,
  );
  const planes = countImages('cut', stack) * stack.channels;
  const images = new Uint8Array(planes * height * width);
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < height; y++) {
      const from = (plane * stack.height + top + y) * stack.width + left;
      images.set(stack.images.subarray(from, from + width), (plane * height + y) * width);
    }
  }
  return { images, channels: stack.channels, height, width };
}

/** The square of `size` in the middle of each image; an odd remainder falls right and below. */
export function centreCrop(stack: ImageStack, size: number): ImageStack {
  return cut(stack, {
    left: Math.floor((stack.width - size) / 2),
    top: Math.floor((stack.height - size) / 2),
    width: size,
    height: size,
  });
}

/** Mirrors left and right. */
export function flipHorizontal(stack: ImageStack): ImageStack {
  const { channels, height, width } = stack;
  const rows = countImages('flipHorizontal', stack) * channels * height;
  const images = stack.images.slice();
  for (let row = 0; row < rows; row++) images.subarray(row * width, (row + 1) * width).reverse();
  return { images, channels, height, width };
}

/**
 * RGB to grey with the weights of ITU-R BT.601, exactly as Pillow's `convert('L')`:
 * (19595 R + 38470 G + 7471 B + 2^15) >> 16. A grey that was stored as RGB comes back unchanged.
 *
 * @throws DatasetOptionError unless the images have three channels
 */
export function toGrey(stack: ImageStack): ImageStack {
  const { height, width } = stack;
  check('toGrey', stack.channels === 3, '3 channels', stack.channels);
  const count = countImages('toGrey', stack);
  const area = height * width;
  const images = new Uint8Array(count * area);
  for (let image = 0; image < count; image++) {
    const red = image * 3 * area;
    for (let i = 0; i < area; i++) {
      const r = stack.images[red + i]!;
      const g = stack.images[red + area + i]!;
      const b = stack.images[red + 2 * area + i]!;
      images[image * area + i] = (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16;
    }
  }
  return { images, channels: 1, height, width };
}

/** Grey to RGB, by repeating it. @throws DatasetOptionError unless the images have one channel */
export function toRgb(stack: ImageStack): ImageStack {
  const { height, width } = stack;
  check('toRgb', stack.channels === 1, '1 channel', stack.channels);
  const count = countImages('toRgb', stack);
  const area = height * width;
  const images = new Uint8Array(count * 3 * area);
  for (let plane = 0; plane < count * 3; plane++) {
    const from = Math.floor(plane / 3) * area;
    images.set(stack.images.subarray(from, from + area), plane * area);
  }
  return { images, channels: 3, height, width };
}

function check(op: string, holds: boolean, wanted: string, got: number | string): void {
  if (holds) return;
  throw new DatasetOptionError({ op, wanted, got: `${got}`, fix: 'choose a size that the images allow' });
}
