/**
 * Random expressions over every family of ops, for property tests.
 *
 * All values have three axes of extent 1 or 3, so that any two of them broadcast and every movement leads back into the
 * family; numbers stay small, and logarithms, roots and quotients get arguments away from 0.
 */
import fc from 'fast-check';
import * as tc from '../src/index.ts';

/** The extent of an axis that is not 1. */
const N = 3;

interface Step {
  /** Which op, and what it is applied to: taken modulo how many there are. */
  readonly op: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

export interface Recipe {
  readonly shapes: readonly (readonly number[])[];
  readonly steps: readonly Step[];
}

const choice = fc.nat({ max: 999 });
const extent = fc.constantFrom(1, N);

/** Shapes of the inputs and steps; `buildExpression` makes an expression of any of them. */
export const recipes: fc.Arbitrary<Recipe> = fc.record({
  shapes: fc.array(fc.tuple(extent, extent, extent), { minLength: 1, maxLength: 3 }),
  steps: fc.array(fc.record({ op: choice, a: choice, b: choice, c: choice }), { minLength: 1, maxLength: 9 }),
});

type Op = (a: tc.Tensor, b: tc.Tensor, c: number) => tc.Tensor;

const scales = [0.5, 2, -1, 0.25, 1, 0, -0.5];
const permutations = [
  [0, 2, 1],
  [1, 0, 2],
  [1, 2, 0],
  [2, 1, 0],
];

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length]!;
}

/** Only the first element along an axis, or all: the extents stay 1 or N. */
function corner(a: tc.Tensor, c: number): tc.Tensor {
  const ends = a.shape.map((d, axis) => ((c >> axis) & 1 ? 1 : d));
  const starts = a.shape.map((d, axis) => (ends[axis] === 1 && d > 1 ? (c >> 3) % N : 0));
  return a.slice(
    starts,
    ends.map((e, axis) => starts[axis]! + e),
  );
}

/** x² + ½, away from 0. */
function positive(x: tc.Tensor): tc.Tensor {
  return x.square().add(0.5);
}

const smooth: readonly Op[] = [
  (a, b) => a.add(b),
  (a, b) => a.sub(b),
  (a, b) => a.mul(b),
  (a, b) => a.div(positive(b)),
  (a, b) => positive(a).pow(b.tanh()),
  (a, _, c) => positive(a).pow(pick([0.5, 2, 3, -1, 1], c)),
  (a, _, c) => a.mul(pick(scales, c)),
  (a, _, c) => tc.add(pick(scales, c), a),
  (a, _, c) => tc.sub(pick(scales, c), a).div(pick([2, 4, 0.5], c)),
  (a) => a.neg(),
  (a) => a.tanh().exp(),
  (a) => positive(a).log(),
  (a) => positive(a).sqrt(),
  (a) => positive(a).reciprocal(),
  (a) => a.square().mul(0.5),
  (a) => a.sin(),
  (a) => a.cos(),
  (a) => a.sigmoid(),
  (a) => a.silu(),
  (a) => a.gelu(),
  (a) => a.erf(),
  (a, _, c) => a.sum([c % 3], true).mul(0.5),
  (a, _, c) => a.mean(c % 2 === 0 ? undefined : [0, c % 3].filter((x, i, l) => l.indexOf(x) === i), true),
  (a, _, c) => a.transpose(pick(permutations, c)),
  (a, _, c) => a.reshape(pick(permutations, c).map((axis) => a.shape[axis]!)),
  (a, _, c) => a.expand(a.shape.map((d, axis) => ((c >> axis) & 1 ? N : d))),
  (a, _, c) => corner(a, c),
  (a, _, c) => a.flip([c % 3]),
  (a, _, c) => a.pad(a.shape.map((d, axis) => (d === 1 && (c >> axis) & 1 ? [c % 2, 2 - (c % 2)] : [0, 0]))),
  (a, b, c) => {
    const axis = c % 3;
    const [x, y] = [a, b].map((t) =>
      t.slice(
        [0, 0, 0],
        t.shape.map((d, i) => (i === axis ? 1 : d)),
      ),
    );
    const shape = x!.shape.map((d, i) => Math.max(d, y!.shape[i]!));
    return tc.concat([x!.expand(shape), y!.expand(shape), x!.expand(shape)], axis);
  },
  (a, b, c) => {
    const fits = ([false, true] as const)
      .flatMap((ta) => [false, true].map((tb) => [ta, tb] as const))
      .filter(([ta, tb]) => a.shape.at(ta ? 1 : 2) === b.shape.at(tb ? 2 : 1));
    if (fits.length === 0) return a.matmul(a, { transposeB: true }).mul(0.5);
    const [transposeA, transposeB] = pick(fits, c);
    return a.matmul(b, { transposeA, transposeB }).mul(0.5);
  },
  (a, _, c) => tc.softmax(a, c % 3),
  (a, _, c) => tc.logSoftmax(a, c % 3),
  (a, _, c) => {
    const axis = c % 3;
    const indices = [c, c >> 2, c >> 4].map((i) => i % a.shape[axis]!);
    return tc.gather(a, tc.tensor(Int32Array.from(indices)), axis);
  },
  (a) =>
    tc
      .upsampleNearest2d(a.mean([1, 2], true).reshape([1, a.shape[0]!, 1, 1]), N)
      .reshape([a.shape[0]!, N, N]),
  (a, b) => {
    const weight = b
      .slice([0, 0, 0], [1, b.shape[1]!, b.shape[2]!])
      .expand([a.shape[0]!, ...b.shape.slice(1)]);
    const [kh, kw] = b.shape.slice(1) as [number, number];
    const padding = [kh >> 1, kw >> 1, kh >> 1, kw >> 1];
    const image = tc.conv2d(a.reshape([1, ...a.shape]), weight.reshape([1, ...weight.shape]), { padding });
    return image.reshape([1, ...a.shape.slice(1)]).mul(0.25);
  },
  (a, b) => {
    const [c] = a.shape as [number];
    const affine = b
      .mean([1, 2])
      .expand([c === 1 ? b.shape[0]! : c])
      .slice([0], [c]);
    const x = a.reshape([1, ...a.shape]);
    return tc.groupNorm(x, affine, affine.sin(), { groups: 1, eps: 0.1 }).reshape(a.shape);
  },
];

/** Ops with kinks or jumps: right for comparing implementations, not for finite differences. */
const kinked: readonly Op[] = [
  (a, b) => a.maximum(b),
  (a, b) => a.minimum(b),
  (a) => a.relu(),
  (a) => a.abs(),
  (a) => a.sign(),
  (a, _, c) => a.max([c % 3], true),
  (a, b) => tc.where(a.less(b), a, b.mul(2)),
  (a, b) => a.greater(b).cast('float32'),
  (a) => a.equal(0).cast('float32').add(a),
];

/** The recipe carried out on `inputs`: what its last step gives. */
export function buildExpression(recipe: Recipe, inputs: readonly tc.Tensor[], withKinks: boolean): tc.Tensor {
  const ops = withKinks ? [...smooth, ...kinked] : smooth;
  const values = [...inputs];
  for (const { op, a, b, c } of recipe.steps) {
    // The newest value takes part in every step, so that the expression is as deep as the recipe is long.
    const [x, y] = [values.at(-1)!, pick(values, a)];
    values.push(b % 2 === 0 ? pick(ops, op)(x, y, c) : pick(ops, op)(y, x, c));
  }
  return values.at(-1)!;
}

/** Elements for the recipe's inputs: smooth in their place, none near 0 or alike. */
export function elementsFor(recipe: Recipe): Float32Array[] {
  return recipe.shapes.map((shape, k) =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(1 + 7 * k + 1.7 * i)),
  );
}
