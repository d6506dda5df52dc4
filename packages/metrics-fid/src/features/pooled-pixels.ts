/**
 * Features without a network: the image averaged to 8×8 pixels a channel. They see colour and composition and no detail;
 * they are for images that no classifier here knows, and for numbers that anybody can check.
 */
import { MetricArgumentError } from '../errors.ts';
import { checkImages, type FeatureExtractor, type ImageShape } from './feature-extractor.ts';

const NAME = 'pixels-8x8';
const SIDE = 8;

export interface PooledPixelsOptions {
  /** Channels of the images: 3 (default) gives 192 features, 1 gives 64. */
  readonly channels?: number;
}

/**
 * Opens the features `pixels-8x8`: means of (H/8) × (W/8) blocks, [C, 8, 8] row-major, in the units of bytes (0 to 255), in
 * which distances of CIFAR-10 are published.
 *
 * @throws MetricArgumentError for channels that are not a whole number from 1; from `features`, for other channels, or a height
 *   or width that 8 does not divide
 */
export function pooledPixels({ channels = 3 }: PooledPixelsOptions = {}): FeatureExtractor {
  if (!Number.isInteger(channels) || channels < 1) {
    throw new MetricArgumentError(`${NAME}: wanted a number of channels from 1, got ${channels}`);
  }
  return {
    name: NAME,
    dimension: channels * SIDE * SIDE,
    provenance: {
      weightsSha256: null,
      description: `mean-pooled to ${SIDE}×${SIDE} in each of ${channels} channels, units 0 to 255`,
      metadata: {},
    },
    async features(images, shape) {
      checkImages(NAME, images, shape);
      checkSize(channels, shape);
      return pooled(images, shape);
    },
    dispose: () => Promise.resolve(),
  };
}

function checkSize(channels: number, [, c, height, width]: ImageShape): void {
  const divides = height >= SIDE && width >= SIDE && height % SIDE === 0 && width % SIDE === 0;
  if (c === channels && divides) return;
  throw new MetricArgumentError(
    `${NAME}: wanted ${channels} channels with height and width multiples of ${SIDE}, got ${c} channels of ${height}×${width}` +
      (c === channels ? '; crop or pad the images' : `; open it with { channels: ${c} }`),
  );
}

function pooled(images: Float32Array, [count, channels, height, width]: ImageShape): Float32Array {
  const planes = count * channels;
  const blockHeight = height / SIDE;
  const blockWidth = width / SIDE;
  const scale = 127.5 / (blockHeight * blockWidth);
  const out = new Float32Array(planes * SIDE * SIDE);
  for (let cell = 0; cell < out.length; cell++) {
    const row = Math.floor(cell / SIDE) * blockHeight; // rows of cells follow one another across planes
    const column = (cell % SIDE) * blockWidth;
    let sum = 0;
    for (let y = row; y < row + blockHeight; y++) {
      for (let x = column; x < column + blockWidth; x++) sum += images[y * width + x]!;
    }
    out[cell] = sum * scale + 127.5;
  }
  return out;
}
