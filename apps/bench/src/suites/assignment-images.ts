/**
 * Images for the assignment suite, 3×32×32: CIFAR-10's first training images, or random fields with the spectrum of
 * photographs for whoever has no CIFAR-10. Uniform random costs would flatter every solver.
 */
import { openCifar10 } from '@immiscible/datasets';
import { streamNormal } from '@immiscible/random';

export const DIMENSIONS = 3 * 32 * 32;
const SIDE = 32;

export interface BenchImages {
  readonly name: string;
  /** How pixels are scaled: the reduction grows with their rms s as s / (1 + s²), so it is said beside it. */
  readonly scaling: string;
  readonly pixels: Float32Array; // [count, 3072]
}

/** The first `count` training images of CIFAR-10 in [-1, 1]. @throws DatasetError as openCifar10 does */
export async function cifar10Images(path: string, count: number): Promise<BenchImages> {
  const { images } = await openCifar10({ path, split: 'train' });
  return {
    name: 'cifar-10',
    scaling: '[-1, 1]',
    pixels: Float32Array.from(images.subarray(0, count * DIMENSIONS), (b) => b / 127.5 - 1),
  };
}

/**
 * Gaussian random fields whose amplitude falls as 1/f, mean 0, pixel std 0.5 over the whole set.
 *
 * Each channel is the real part of an inverse Fourier transform of independent normal coefficients over f.
 */
export function syntheticImages(count: number, seed: number): BenchImages {
  const pixels = new Float32Array(count * DIMENSIONS);
  const area = SIDE * SIDE;
  const normals = new Float32Array(2 * area);
  const field = new Float64Array(2 * area);
  for (let plane = 0; plane < 3 * count; plane++) {
    streamNormal(seed, plane, normals);
    for (let e = 0; e < area; e++) {
      const ky = Math.min(Math.floor(e / SIDE), SIDE - Math.floor(e / SIDE));
      const kx = Math.min(e % SIDE, SIDE - (e % SIDE));
      const amplitude = 1 / Math.max(1, Math.hypot(kx, ky)); // the mean has the amplitude of the lowest frequency
      field[2 * e] = normals[2 * e]! * amplitude;
      field[2 * e + 1] = normals[2 * e + 1]! * amplitude;
    }
    transformLines(field, SIDE, 1); // along rows
    transformLines(field, 1, SIDE); // along columns
    for (let e = 0; e < area; e++) pixels[plane * area + e] = field[2 * e]!;
  }
  let squares = 0;
  for (const value of pixels) squares += value * value;
  const scale = 0.5 / Math.sqrt(squares / pixels.length);
  for (let e = 0; e < pixels.length; e++) pixels[e] = pixels[e]! * scale;
  return { name: 'synthetic 1/f', scaling: 'pixel std 0.5', pixels };
}

const cosines = Float64Array.from({ length: SIDE }, (_, k) => Math.cos((2 * Math.PI * k) / SIDE));
const sines = Float64Array.from({ length: SIDE }, (_, k) => Math.sin((2 * Math.PI * k) / SIDE));

/** The inverse discrete Fourier transform of each of 32 lines in place; complex numbers as pairs. */
function transformLines(field: Float64Array, lineStep: number, step: number): void {
  const line = new Float64Array(2 * SIDE);
  for (let start = 0; start < SIDE; start++) {
    const first = start * lineStep;
    for (let n = 0; n < SIDE; n++) {
      let re = 0;
      let im = 0;
      for (let k = 0; k < SIDE; k++) {
        const at = 2 * (first + k * step);
        const c = cosines[(k * n) % SIDE]!;
        const s = sines[(k * n) % SIDE]!;
        re += field[at]! * c - field[at + 1]! * s;
        im += field[at]! * s + field[at + 1]! * c;
      }
      line[2 * n] = re;
      line[2 * n + 1] = im;
    }
    for (let n = 0; n < SIDE; n++) {
      const at = 2 * (first + n * step);
      field[at] = line[2 * n]!;
      field[at + 1] = line[2 * n + 1]!;
    }
  }
}

/** The first `count` images, as they are. */
export function firstImages(images: BenchImages, count: number): BenchImages {
  return { ...images, pixels: images.pixels.subarray(0, count * DIMENSIONS) };
}

/** The same images shifted and scaled to mean 0 and variance 1 over all of them. */
export function withUnitVariance(images: BenchImages): BenchImages {
  const { pixels } = images;
  let sum = 0;
  for (const value of pixels) sum += value;
  const mean = sum / pixels.length;
  let squares = 0;
  for (const value of pixels) squares += (value - mean) ** 2;
  const std = Math.sqrt(squares / pixels.length);
  return { ...images, scaling: 'unit variance', pixels: pixels.map((value) => (value - mean) / std) };
}
