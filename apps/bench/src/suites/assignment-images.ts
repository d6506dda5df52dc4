/**
 * Vectors for the assignment suite: CIFAR-10's first training images, or random fields with the spectrum of photographs
 * for whoever has no CIFAR-10, and such fields in the size of Stable Diffusion's latents. Uniform random costs alone
 * would flatter every solver.
 */
import { openCifar10 } from '@immiscible/datasets';
import { streamNormal } from '@immiscible/random';

const SIDE = 32;
export const DIMENSIONS = 3 * SIDE * SIDE;
/** What Stable Diffusion's autoencoder makes of 512×512 pixels. */
const LATENT = { channels: 4, side: 64 };

export interface BenchImages {
  readonly name: string;
  /** How numbers are scaled: the reduction grows with their rms s as s / (1 + s²), so it is said beside it. */
  readonly scaling: string;
  readonly dimensions: number;
  readonly pixels: Float32Array; // [count, dimensions]
}

/** The first `count` training images of CIFAR-10 in [-1, 1]. @throws DatasetError as openCifar10 does */
export async function cifar10Images(path: string, count: number): Promise<BenchImages> {
  const { images } = await openCifar10({ path, split: 'train' });
  return {
    name: 'CIFAR-10',
    scaling: 'in [-1, 1]',
    dimensions: DIMENSIONS,
    pixels: Float32Array.from(images.subarray(0, count * DIMENSIONS), (b) => b / 127.5 - 1),
  };
}

/** Random fields of 3×32×32 whose amplitude falls as 1/f, mean 0, pixel std 0.5 over the whole set. */
export function syntheticImages(count: number, seed: number): BenchImages {
  const pixels = randomFields(3 * count, SIDE, seed, 0.5);
  return { name: 'synthetic 1/f', scaling: 'std 0.5', dimensions: DIMENSIONS, pixels };
}

/** Random fields in the size of Stable Diffusion's latents, 16,384 numbers each, with their scale: std 1. */
export function syntheticLatents(count: number, seed: number): BenchImages {
  const { channels, side } = LATENT;
  const pixels = randomFields(channels * count, side, seed, 1);
  return { name: 'synthetic 1/f latents', scaling: 'std 1', dimensions: channels * side ** 2, pixels };
}

/**
 * Gaussian random fields whose amplitude falls as 1/f: the real part of an inverse Fourier transform of independent
 * normal coefficients over f.
 *
 * @param side a power of two
 * @param std of all numbers together
 * @returns [count, side, side]
 */
function randomFields(count: number, side: number, seed: number, std: number): Float32Array {
  const area = side * side;
  const fields = new Float32Array(count * area);
  const normals = new Float32Array(2 * area);
  const field = new Float64Array(2 * area);
  const amplitudes = Float64Array.from({ length: area }, (_, e) => {
    const [y, x] = [Math.floor(e / side), e % side];
    const f = Math.hypot(Math.min(y, side - y), Math.min(x, side - x));
    return 1 / Math.max(1, f); // the mean has the amplitude of the lowest frequency
  });
  const transform = new InverseFourier(side);
  let squares = 0;
  for (let plane = 0; plane < count; plane++) {
    streamNormal(seed, plane, normals);
    for (let e = 0; e < 2 * area; e++) field[e] = normals[e]! * amplitudes[e >> 1]!;
    for (let line = 0; line < side; line++) transform.run(field, line * side, 1); // along rows
    for (let line = 0; line < side; line++) transform.run(field, line, side); // along columns
    for (let e = 0; e < area; e++) {
      fields[plane * area + e] = field[2 * e]!;
      squares += field[2 * e]! ** 2;
    }
  }
  const scale = std / Math.sqrt(squares / fields.length);
  for (let e = 0; e < fields.length; e++) fields[e] = fields[e]! * scale;
  return fields;
}

/** The inverse fast Fourier transform (Cooley and Tukey, radix 2) of a line of complex numbers, unscaled. */
class InverseFourier {
  readonly #length: number;
  readonly #line: Float64Array;
  readonly #roots: Float64Array; // e^(2πi k / length), as pairs
  readonly #reversed: Uint32Array;

  /** @param length a power of two */
  constructor(length: number) {
    this.#length = length;
    this.#line = new Float64Array(2 * length);
    this.#roots = Float64Array.from({ length: 2 * length }, (_, e) => {
      const angle = (2 * Math.PI * (e >> 1)) / length;
      return e % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
    });
    const bits = Math.log2(length);
    this.#reversed = Uint32Array.from({ length }, (_, k) => {
      let reversed = 0;
      for (let bit = 0; bit < bits; bit++) reversed |= ((k >> bit) & 1) << (bits - 1 - bit);
      return reversed;
    });
  }

  /** Transforms in place what stands in `field` from the complex number `start` on, every `step`-th. */
  run(field: Float64Array, start: number, step: number): void {
    const [n, line] = [this.#length, this.#line];
    for (let k = 0; k < n; k++) {
      const from = 2 * (start + this.#reversed[k]! * step);
      line[2 * k] = field[from]!;
      line[2 * k + 1] = field[from + 1]!;
    }
    for (let half = 1; half < n; half *= 2) {
      for (let first = 0; first < n; first += 2 * half) {
        for (let k = 0; k < half; k++) this.#butterfly(2 * (first + k), 2 * half, (n / (2 * half)) * k);
      }
    }
    for (let k = 0; k < n; k++) {
      const to = 2 * (start + k * step);
      field[to] = line[2 * k]!;
      field[to + 1] = line[2 * k + 1]!;
    }
  }

  #butterfly(at: number, distance: number, root: number): void {
    const [line, c, s] = [this.#line, this.#roots[2 * root]!, this.#roots[2 * root + 1]!];
    const [re, im] = [line[at + distance]!, line[at + distance + 1]!];
    const [turnedRe, turnedIm] = [re * c - im * s, re * s + im * c];
    line[at + distance] = line[at]! - turnedRe;
    line[at + distance + 1] = line[at + 1]! - turnedIm;
    line[at] = line[at]! + turnedRe;
    line[at + 1] = line[at + 1]! + turnedIm;
  }
}

/** The first `count` images, as they are. */
export function firstImages(images: BenchImages, count: number): BenchImages {
  return { ...images, pixels: images.pixels.subarray(0, count * images.dimensions) };
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
