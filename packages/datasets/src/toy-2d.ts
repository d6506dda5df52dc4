/**
 * Points in the plane whose distribution is known: the smallest data on which a diffusion model can be right or wrong. A point
 * is an "image" of two channels and one pixel, x and y in [-1, 1], kept as float32.
 *
 * Point i depends on the seed and i alone, so a smaller set is the beginning of a larger one. Normal numbers of 24 bits end at
 * 5.77 deviations: the scales below leave room for them, so that nothing is clipped.
 */
import { createHash } from 'node:crypto';
import { type Seed, streamNormal, streamUniform } from '@immiscible/random';
import { DatasetOptionError } from './errors.ts';
import { type Modes, type ValueDataset, valueDataset } from './value-dataset.ts';

/** The distributions of `openToy2d`. */
export const TOY_2D_SHAPES = [
  '8-gaussians',
  '25-gaussians',
  'swiss-roll',
  'two-moons',
  'checkerboard',
] as const;

export type Toy2dShape = (typeof TOY_2D_SHAPES)[number];

/** Options of `openToy2d`. */
export interface Toy2dOptions {
  readonly shape: Toy2dShape;
  /** Default 20,000. */
  readonly points?: number;
  /** A whole number from 0 on; another one gives other points of the same distribution. Default 0. */
  readonly seed?: Seed;
}

/** Three uniform numbers in [0, 1) and two standard normal ones make a point; a label where the shape has parts. */
interface Distribution {
  readonly classes: readonly string[];
  readonly point: (
    u: Readonly<Uniforms>,
    n: Readonly<Normals>,
  ) => readonly [x: number, y: number, label: number];
}

type Uniforms = [number, number, number];
type Normals = [number, number];

const OP = 'openToy2d';
const MOST_POINTS = 2 ** 24;
/** Far from the streams that number samples, as the loader's. */
const UNIFORM_STREAM = 2 ** 50;
const NORMAL_STREAM = 2 ** 50 + 1;

const RING = mixture(
  Array.from({ length: 8 }, (_, k): [number, number] => [
    0.75 * Math.cos((k * Math.PI) / 4),
    0.75 * Math.sin((k * Math.PI) / 4),
  ]),
  0.04,
);
const GRID = mixture(
  Array.from({ length: 25 }, (_, k): [number, number] => [
    0.4 * ((k % 5) - 2),
    0.4 * (Math.floor(k / 5) - 2),
  ]),
  0.03,
);
const ROLL_DEVIATION = 0.02;
const MOON_DEVIATION = 0.03;

const DISTRIBUTIONS: Readonly<Record<Toy2dShape, Distribution>> = {
  '8-gaussians': gaussians(RING),
  '25-gaussians': gaussians(GRID),
  /** t (cos t, sin t) for t from 1.5 π to 4.5 π, scaled to a radius of 0.85 */
  'swiss-roll': {
    classes: ['roll'],
    point([u], [a, b]) {
      const t = 1.5 * Math.PI * (1 + 2 * u);
      const scale = 0.85 / (4.5 * Math.PI);
      return [scale * t * Math.cos(t) + ROLL_DEVIATION * a, scale * t * Math.sin(t) + ROLL_DEVIATION * b, 0];
    },
  },
  /** scikit-learn's `make_moons`, (cos πu, sin πu) and (1 − cos πu, ½ − sin πu), centred and scaled to a width of 1.6 */
  'two-moons': {
    classes: ['outer', 'inner'],
    point([u, side], [a, b]) {
      const inner = side >= 0.5;
      const x = inner ? 1 - Math.cos(Math.PI * u) : Math.cos(Math.PI * u);
      const y = inner ? 0.5 - Math.sin(Math.PI * u) : Math.sin(Math.PI * u);
      const scale = 0.8 / 1.5;
      return [scale * (x - 0.5) + MOON_DEVIATION * a, scale * (y - 0.25) + MOON_DEVIATION * b, inner ? 1 : 0];
    },
  },
  /** uniform on the eight cells of 4×4 whose row and column are both even or both odd */
  checkerboard: {
    classes: ['board'],
    point([u, v, cell]) {
      const k = Math.floor(cell * 8);
      const row = k >> 1;
      const column = 2 * (k & 1) + (row & 1);
      return [-1 + (column + u) / 2, -1 + (row + v) / 2, 0];
    },
  },
};

/**
 * Draws points: [N, 2, 1, 1] float32. Labels say which Gaussian or moon; other shapes have one class.
 *
 * @throws DatasetOptionError for another shape, number of points or seed
 */
export function openToy2d(options: Toy2dOptions): ValueDataset {
  const { shape, points = 20_000, seed = 0 } = options;
  const distribution = DISTRIBUTIONS[shape] as Distribution | undefined;
  const counted = Number.isInteger(points) && points >= 1 && points <= MOST_POINTS;
  if (distribution === undefined || !counted || !Number.isSafeInteger(seed) || seed < 0) {
    throw new DatasetOptionError({
      op: OP,
      wanted: `shape ${TOY_2D_SHAPES.join(', ')}, 1 to ${MOST_POINTS} points, a whole seed from 0 on`,
      got: `shape ${shape}, points ${points}, seed ${seed}`,
      fix: 'correct the option',
    });
  }
  const uniforms = streamUniform(seed, UNIFORM_STREAM, new Float32Array(4 * points));
  const normals = streamNormal(seed, NORMAL_STREAM, new Float32Array(2 * points));
  const values = new Float32Array(2 * points);
  const labels = new Uint8Array(points);
  const modes = toy2dModes(shape);
  const u: Uniforms = [0, 0, 0];
  const n: Normals = [0, 0];
  for (let i = 0; i < points; i++) {
    for (let j = 0; j < 3; j++) u[j] = uniforms[4 * i + j]!;
    for (let j = 0; j < 2; j++) n[j] = normals[2 * i + j]!;
    [values[2 * i], values[2 * i + 1], labels[i]] = distribution.point(u, n);
  }
  return valueDataset({
    name: `toy-2d ${shape}`,
    values,
    channels: 2,
    height: 1,
    width: 1,
    labels,
    classes: distribution.classes,
    ...(modes && { modes }),
    provenance: {
      source: '@immiscible/datasets',
      hashes: { points: `sha256:${createHash('sha256').update(values).digest('hex')}` },
      operations: [`draw ${points} points of ${shape} with seed ${seed}`],
    },
  });
}

/** The Gaussians that a shape is made of; nothing for shapes that are no mixture. */
export function toy2dModes(shape: Toy2dShape): Modes | undefined {
  switch (shape) {
    case '8-gaussians':
      return RING;
    case '25-gaussians':
      return GRID;
    case 'swiss-roll':
    case 'two-moons':
    case 'checkerboard':
      return undefined;
  }
}

function mixture(centres: readonly [number, number][], deviation: number): Modes {
  return { centres: Float32Array.from(centres.flat()), deviation };
}

function gaussians({ centres, deviation }: Modes): Distribution {
  const count = centres.length / 2;
  return {
    classes: Array.from({ length: count }, (_, k) => `mode ${k}`),
    point([u], [a, b]) {
      const k = Math.floor(u * count);
      return [centres[2 * k]! + deviation * a, centres[2 * k + 1]! + deviation * b, k];
    },
  };
}
