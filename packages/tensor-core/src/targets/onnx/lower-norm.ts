/**
 * Group normalisation as ONNX: y = x · a + d with one a and one d per sample and channel, and everything that the
 * gradients need from sums per sample and channel.
 *
 * In blocks, "x · a + d" for every sample and channel is a depthwise 1×1 convolution over [1, N·C, 1, H·W], and
 * "Σ x · z" is one whose kernel is z itself: one pass over memory each. Where the layout is plain, the same formulas
 * are broadcast arithmetic.
 */
import { type Node } from '../../graph/node.ts';
import { type GroupNormAttrs } from '../../ops/index.ts';
import { sizeOf } from '../../shape.ts';
import { affineBlocked, dotBlocked, sumBlocked } from './blocked.ts';
import { type Lowering, type LoweringContext } from './context.ts';

/** How sums and affine maps per sample and channel are computed; values are in the layout's own view. */
interface Rows {
  of(x: Node): string;
  /** Σ x: [N, C] */
  sum(x: string): string;
  /** Σ x · z: [N, C] */
  dot(x: string, z: string): string;
  /** x · a + d (+ plus) of every element; a and d are [N, C]. */
  affine(x: string, a: string, d: string | undefined, plus?: string): string;
  /** Says where a node's value stands. */
  set(node: Node, value: string): void;
}

function rowsOf(context: LoweringContext, x: Node, ...others: Node[]): Rows {
  const { builder } = context;
  const { shape } = x;
  const [n, c] = shape as [number, number];
  const m = sizeOf(shape.slice(2));
  if (context.canBlock(shape) && [x, ...others].some((node) => context.isBlocked(node))) {
    return {
      of: (v) => context.blocked(v),
      sum: (v) => context.reshape(sumBlocked(context, v, shape), [n, c]),
      dot: (v, z) => context.reshape(dotBlocked(context, v, z, shape), [n, c]),
      affine: (v, a, d, plus) => affineBlocked(context, v, shape, { scale: a, shift: d, plus }),
      set: (node, value) => context.setBlocked(node, value),
    };
  }
  const sum = (value: string): string =>
    builder.node('ReduceSum', [value, builder.ints([2])], { keepdims: 0 });
  const perRow = (value: string): string => context.reshape(value, [n, c, 1]);
  const add = (a: string, b: string | undefined): string =>
    b === undefined ? a : builder.node('Add', [a, b]);
  return {
    of: (v) => context.reshape(context.plain(v), [n, c, m]),
    sum,
    dot: (v, z) => sum(builder.node('Mul', [v, z])),
    affine: (v, a, d, plus) =>
      add(add(builder.node('Mul', [v, perRow(a)]), d === undefined ? d : perRow(d)), plus),
    set: (node, value) => context.setPlain(node, context.reshape(value, node.shape)),
  };
}

/** Arithmetic on values per channel, [N, C] or [1, C]. */
function arithmetic({ builder }: LoweringContext) {
  return {
    mul: (a: string, b: string): string => builder.node('Mul', [a, b]),
    add: (a: string, b: string): string => builder.node('Add', [a, b]),
    neg: (a: string): string => builder.node('Neg', [a]),
  };
}

/**
 * Means over the elements of every group, each repeated for the group's channels: [N, C] sums per channel → [N, C].
 * A product with a block-diagonal matrix: one small node instead of a sum, a scale and an expansion.
 */
function groupMeans(context: LoweringContext, sums: string, x: Node, { groups }: GroupNormAttrs): string {
  const { builder } = context;
  const c = x.shape[1]!;
  const width = c / groups;
  const share = groups / sizeOf(x.shape.slice(1));
  const matrix = new Float32Array(c * c);
  for (let i = 0; i < c; i++) {
    const first = Math.floor(i / width) * width;
    matrix.fill(share, i * c + first, i * c + first + width);
  }
  return builder.node('MatMul', [sums, builder.constant('float32', [c, c], matrix)]);
}

/**
 * x − μ of every element, and 1/√(σ² + ε) of every channel [N, C]. The squares are summed after the mean is taken off:
 * where it is large beside the spread, E[x²] − μ² would have no digits left.
 */
function centredRows(
  context: LoweringContext,
  x: Node,
  attrs: GroupNormAttrs,
  rows: Rows,
): { centred: string; inverse: string } {
  const { builder } = context;
  const { add, neg } = arithmetic(context);
  const [n, c] = x.shape as [number, number];
  const mean = groupMeans(context, rows.sum(rows.of(x)), x, attrs);
  const centred = rows.affine(rows.of(x), builder.filled([n, c], 1), neg(mean));
  const variance = groupMeans(context, rows.dot(centred, centred), x, attrs);
  const inverse = builder.node('Reciprocal', [
    builder.node('Sqrt', [add(variance, builder.float(attrs.eps))]),
  ]);
  return { centred, inverse };
}

const groupNorm: Lowering = (node, context) => {
  const { mul } = arithmetic(context);
  const [x, w, b] = node.inputs as [Node, Node, Node];
  const attrs = node.attrs as GroupNormAttrs;
  const rows = rowsOf(context, x);
  const { centred, inverse } = centredRows(context, x, attrs, rows);
  const [n, c] = x.shape as [number, number];
  const weight = context.reshape(context.plain(w), [1, c]);
  const shift = context.builder.node('Expand', [context.plain(b), context.builder.ints([n, c])]);
  rows.set(node, rows.affine(centred, mul(inverse, weight), shift));
};

/**
 * With x centred: dx = g · (weight/σ) + x · c2 + c3 and, with means over each group, s1 = mean(g · weight),
 * s2 = mean(g · weight · x), c2 = −s2 / σ³, c3 = −s1 / σ.
 */
const groupNormInputGradient: Lowering = (node, context) => {
  const { mul, neg } = arithmetic(context);
  const [x, w, g] = node.inputs as [Node, Node, Node];
  const attrs = node.attrs as GroupNormAttrs;
  const rows = rowsOf(context, x, g);
  const { centred, inverse } = centredRows(context, x, attrs, rows);
  const weight = context.reshape(context.plain(w), [1, x.shape[1]!]);
  const cotangent = rows.of(g);
  const s1 = groupMeans(context, mul(rows.sum(cotangent), weight), x, attrs);
  const s2 = groupMeans(context, mul(rows.dot(cotangent, centred), weight), x, attrs);
  const c2 = neg(mul(s2, mul(inverse, mul(inverse, inverse))));
  const c3 = neg(mul(s1, inverse));
  rows.set(node, rows.affine(cotangent, mul(weight, inverse), undefined, rows.affine(centred, c2, c3)));
};

/** Σ over samples of Σ g·x / σ, with x centred. */
const groupNormWeightGradient: Lowering = (node, context) => {
  const { builder } = context;
  const [x, g] = node.inputs as [Node, Node];
  const rows = rowsOf(context, x, g);
  const { centred, inverse } = centredRows(context, x, node.attrs as GroupNormAttrs, rows);
  const scaled = arithmetic(context).mul(rows.dot(rows.of(g), centred), inverse);
  context.setPlain(node, builder.node('ReduceSum', [scaled, builder.ints([0])], { keepdims: 0 }));
};

export const normLowerings: Readonly<Record<string, Lowering>> = {
  groupNorm,
  groupNormInputGradient,
  groupNormWeightGradient,
};
