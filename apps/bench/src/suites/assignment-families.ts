/**
 * The kinds of problems that the assignment suite solves: distances of images to noise in several scalings, as the paper
 * has them, and matrices that no image makes, on which solvers are usually compared or fall down.
 */
import { streamNormal, streamUniform } from '@immiscible/random';
import {
  type BenchImages,
  cifar10Images,
  firstImages,
  syntheticImages,
  syntheticLatents,
  withUnitVariance,
} from './assignment-images.ts';

/** Images, and the noise that is assigned to them. */
export interface VectorProblem {
  readonly kind: 'vectors';
  readonly name: string;
  readonly scaling: string;
  readonly size: number;
  readonly dimensions: number;
  readonly x0: Float32Array; // [size, dimensions]
  readonly noise: Float32Array; // [size, dimensions]
  /** Costs rounded as the paper's authors do. */
  readonly float16: boolean;
}

/** A matrix of costs by itself. */
export interface MatrixProblem {
  readonly kind: 'matrix';
  readonly name: string;
  readonly size: number;
  readonly cost: Float32Array; // [size, size]
}

export type Problem = VectorProblem | MatrixProblem;

/** What a family is made from. */
export interface FamilySource {
  /** CIFAR-10's folder or archive; without it, random fields of its shape stand in. */
  readonly cifar10: string | undefined;
  /** The largest size that will be asked for. */
  readonly largest: number;
  readonly seed: number;
}

/** Problems of one family by size. */
export type Family = (size: number) => Problem;

/** Streams of the noise and of the matrices, apart from those that make images. */
const NOISE_STREAM = 2 ** 40;
const MATRIX_STREAM = 2 ** 41;

const VECTOR_FAMILIES = ['images', 'unit', 'f16', 'latents'] as const;

type MatrixOf = (size: number, uniform: (count: number, stream: number) => Float32Array) => Float32Array;

const MATRICES = {
  uniform: (n, uniform) => uniform(n * n, 0),
  geometric(n, uniform) {
    const [a, b] = [uniform(2 * n, 1), uniform(2 * n, 2)];
    return each(n, (i, j) => Math.hypot(a[2 * i]! - b[2 * j]!, a[2 * i + 1]! - b[2 * j + 1]!));
  },
  'rank-one'(n, uniform) {
    const [a, b] = [uniform(n, 3), uniform(n, 4)];
    return each(n, (i, j) => a[i]! * b[j]!);
  },
  integers: (n, uniform) => uniform(n * n, 5).map((value) => Math.floor(1000 * value)),
  ties: (n, uniform) => uniform(n * n, 6).map((value) => Math.floor(4 * value)),
} as const satisfies Record<string, MatrixOf>;

type MatrixFamily = keyof typeof MATRICES;

const MATRIX_NAMES: Readonly<Record<MatrixFamily, string>> = {
  uniform: 'uniform random costs',
  geometric: 'distances of random points in a square',
  'rank-one': 'products of two random numbers, one of the row, one of the column',
  integers: 'random whole numbers below 1000',
  ties: 'random whole numbers below 4',
};

export type FamilyName = (typeof VECTOR_FAMILIES)[number] | MatrixFamily;

/** Every family, in the order in which they are measured. */
export const FAMILY_NAMES: readonly FamilyName[] = [
  ...VECTOR_FAMILIES,
  ...(Object.keys(MATRICES) as MatrixFamily[]),
];

/** Those that are measured unless others are asked for. */
export const USUAL_FAMILIES: readonly FamilyName[] = ['images', 'unit', 'f16', 'latents', 'uniform'];

/**
 * Opens a family:
 * - `images`: CIFAR-10 in [-1, 1], or 1/f fields of its shape, against N(0, I)
 * - `unit`: the same at mean 0 and variance 1, as the paper's numbers imply
 * - `f16`: those with costs in float16, everything as in the paper
 * - `latents`: 1/f fields of Stable Diffusion's 4×64×64, std 1; no real ones are at hand
 * - matrices: `uniform`, `geometric`, `rank-one`, `integers`, `ties`
 *
 * @throws DatasetError when `cifar10` is not CIFAR-10
 */
export async function openFamily(name: FamilyName, source: FamilySource): Promise<Family> {
  const { cifar10, largest, seed } = source;
  if (name in MATRICES) {
    const family = name as MatrixFamily;
    const uniform = (count: number, stream: number): Float32Array =>
      streamUniform(seed, MATRIX_STREAM + stream, new Float32Array(count));
    return (size) => ({
      kind: 'matrix',
      name: MATRIX_NAMES[family],
      size,
      cost: MATRICES[family](size, uniform),
    });
  }
  const images = await vectors(name, cifar10, largest, seed);
  const noise = streamNormal(seed, NOISE_STREAM, new Float32Array(largest * images.dimensions));
  return (size) => {
    const first = firstImages(images, size);
    const { name: title, scaling, dimensions, pixels } = isUnit(name) ? withUnitVariance(first) : first;
    return {
      kind: 'vectors',
      name: title,
      scaling,
      size,
      dimensions,
      x0: pixels,
      noise: noise.subarray(0, size * dimensions),
      float16: name === 'f16',
    };
  };
}

function isUnit(name: FamilyName): boolean {
  return name === 'unit' || name === 'f16';
}

function vectors(
  name: FamilyName,
  cifar10: string | undefined,
  count: number,
  seed: number,
): Promise<BenchImages> | BenchImages {
  if (name === 'latents') return syntheticLatents(count, seed);
  return cifar10 === undefined ? syntheticImages(count, seed) : cifar10Images(cifar10, count);
}

function each(size: number, entry: (i: number, j: number) => number): Float32Array {
  const cost = new Float32Array(size * size);
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) cost[i * size + j] = entry(i, j);
  return cost;
}
