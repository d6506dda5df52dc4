/** The first test images of Fashion-MNIST, prepared as `openFashionMnist` of `@immiscible/datasets` prepares them. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { files } from '@immiscible/fashion-mnist';

export interface FashionImages {
  /** [N, 1, size, size] in [-1, 1] */
  readonly images: Float32Array;
  readonly shape: readonly [number, number, number, number];
  readonly labels: Uint8Array;
}

const bytes = gunzipSync(readFileSync(files.testImages.url)).subarray(16);
const allLabels = gunzipSync(readFileSync(files.testLabels.url)).subarray(8);

/** 28×28 within zeros of 32×32; for 16, the mean of 2×2 bytes, halves up. */
export function fashionImages(count: number, size: 16 | 32): FashionImages {
  const factor = 32 / size;
  const images = new Float32Array(count * size * size);
  const pixel = (image: number, y: number, x: number): number =>
    y < 2 || y >= 30 || x < 2 || x >= 30 ? 0 : bytes[(image * 28 + y - 2) * 28 + x - 2]!;
  for (let i = 0; i < images.length; i++) {
    const [image, top, left] = [
      Math.floor(i / size ** 2),
      (Math.floor(i / size) % size) * factor,
      (i % size) * factor,
    ];
    let sum = 0;
    for (let y = top; y < top + factor; y++)
      for (let x = left; x < left + factor; x++) sum += pixel(image, y, x);
    images[i] = Math.floor(sum / factor ** 2 + 0.5) / 127.5 - 1;
  }
  return { images, shape: [count, 1, size, size], labels: allLabels.subarray(0, count) };
}
