/** Images as PNG files: one picture of many, in rows. */
import sharp from 'sharp';
import { denormalise } from '@immiscible/datasets';
import { TrainerError } from './errors.ts';

export interface GridOptions {
  readonly columns: number;
  /** pixels between images; default 1 */
  readonly gap?: number;
  /** every pixel becomes this many on a side; default 1 */
  readonly scale?: number;
}

/**
 * The PNG of a grid.
 *
 * @param images [N, C, H, W] in [-1, 1], C = 1 or 3; values beyond are clipped
 * @returns the bytes of the file
 */
export async function gridPng(
  images: Float32Array,
  [channels, height, width]: readonly [number, number, number],
  { columns, gap = 1, scale = 1 }: GridOptions,
): Promise<Uint8Array> {
  if (channels !== 1 && channels !== 3) {
    throw new TrainerError(`grid: wants images of 1 or 3 channels, got ${channels}`);
  }
  const plane = height * width;
  const count = images.length / (channels * plane);
  if (!Number.isInteger(count) || count === 0) {
    throw new TrainerError(
      `grid: wants whole images of ${channels}×${height}×${width} values, got ${images.length}`,
    );
  }
  const rows = Math.ceil(count / columns);
  const [w, h] = [columns * (width + gap) - gap, rows * (height + gap) - gap];
  const pixels = new Uint8Array(w * h * channels).fill(255);
  const bytes = denormalise(images);
  for (let n = 0; n < count; n++) {
    const left = (n % columns) * (width + gap);
    const top = Math.floor(n / columns) * (height + gap);
    for (let c = 0; c < channels; c++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          pixels[((top + y) * w + left + x) * channels + c] =
            bytes[(n * channels + c) * plane + y * width + x]!;
        }
      }
    }
  }
  const picture = sharp(pixels, { raw: { width: w, height: h, channels } });
  const scaled = scale === 1 ? picture : picture.resize(w * scale, h * scale, { kernel: 'nearest' });
  return scaled
    .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    .png({ compressionLevel: 9 })
    .toBuffer();
}
