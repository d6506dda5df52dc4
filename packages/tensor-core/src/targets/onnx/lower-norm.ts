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
  /** Σ x: [N, C, 1] */
  sum(x: string): string;
  /** Σ x · z: [N, C, 1] */
  dot(x: string, z: string): string;
  /** x · a + d (+ plus) of every element; a and d are [N, C, 1]. */
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
      sum: (v) => context.reshape(sumBlocked(context, v, shape), [n, c, 1]),
      dot: (v, z) => context.reshape(dotBlocked(context, v, z, shape), [n, c, 1]),
      affine: (v, a, d, plus) => affineBlocked(context, v, shape, { scale: a, shift: d, plus }),
      set: (node, value) => context.setBlocked(node, value),
    };
  }
  const sum = (value: string): string =>
    builder.node('ReduceSum', [value, builder.ints([2])], { keepdims: 1 });
  const add = (a: string, b: string | undefined): string =>
    b === undefined ? a : builder.node('Add', [a, b]);
  return {
    of: (v) => context.reshape(context.plain(v), [n, c, m]),
    sum,
    dot: (v, z) => sum(builder.node('Mul', [v, z])),
    affine: (v, a, d, plus) => add(add(builder.node('Mul', [v, a]), d), plus),
    set: (node, value) => context.setPlain(node, context.reshape(value, node.shape)),
  };
}

/** Arithmetic on small tensors. */
function arithmetic({ builder }: LoweringContext) {
  return {
    mul: (a: string, b: string): string => builder.node('Mul', [a, b]),
    add: (a: string, b: string): string => builder.node('Add', [a, b]),
    neg: (a: string): string => builder.node('Neg', [a]),
  };
}

interface Groups {
  readonly n: number;
  readonly c: number;
  /** 1 / (elements of a group) */
  readonly share: string;
  /** Σ over the channels of each group: [N, C, 1] → [N, G, 1]. */
  readonly gather: (value: string) => string;
  /** A value per group for each of its channels: [N, G, 1] → [N, C, 1]. */
  readonly spread: (value: string) => string;
}

function groupsOf(context: LoweringContext, x: Node, { groups }: GroupNormAttrs): Groups {
  const { builder } = context;
  const [n, c] = x.shape as [number, number];
  const width = c / groups;
  return {
    n,
    c,
    share: builder.float(groups / sizeOf(x.shape.slice(1))),
    gather: (value) =>
      width === 1
        ? value
        : builder.node('ReduceSum', [context.reshape(value, [n, groups, width]), builder.ints([2])], {
            keepdims: 1,
          }),
    spread: (value) =>
      width === 1
        ? value
        : context.reshape(builder.node('Expand', [value, builder.ints([n, groups, width])]), [n, c, 1]),
  };
}

/**
 * x − μ of every element, and 1/√(σ² + ε) of every channel [N, C, 1]. The squares are summed after the mean is taken
 * off: where it is large beside the spread, E[x²] − μ² would have no digits left.
 */
function centredRows(
  context: LoweringContext,
  x: Node,
  attrs: GroupNormAttrs,
  rows: Rows,
): { centred: string; inverse: string } {
  const { builder } = context;
  const { mul, add, neg } = arithmetic(context);
  const { n, c, share, gather, spread } = groupsOf(context, x, attrs);
  const mean = mul(gather(rows.sum(rows.of(x))), share);
  const centred = rows.affine(rows.of(x), builder.filled([n, c, 1], 1), spread(neg(mean)));
  const variance = mul(gather(rows.dot(centred, centred)), share);
  const inverse = builder.node('Reciprocal', [
    builder.node('Sqrt', [add(variance, builder.float(attrs.eps))]),
  ]);
  return { centred, inverse: spread(inverse) };
}

const groupNorm: Lowering = (node, context) => {
  const { mul } = arithmetic(context);
  const [x, w, b] = node.inputs as [Node, Node, Node];
  const attrs = node.attrs as GroupNormAttrs;
  const rows = rowsOf(context, x);
  const { centred, inverse } = centredRows(context, x, attrs, rows);
  const [n, c] = x.shape as [number, number];
  const weight = context.reshape(context.plain(w), [1, c, 1]);
  const bias = context.reshape(context.plain(b), [1, c, 1]);
  const shift = context.builder.node('Expand', [bias, context.builder.ints([n, c, 1])]);
  rows.set(node, rows.affine(centred, mul(inverse, weight), shift));
};

/**
 * With x centred: dx = g · (weight/σ) + x · c2 + c3 and, per group of M elements, s1 = Σ weight·Σg,
 * s2 = Σ weight·Σ(g·x), c2 = −s2 / (σ³ M), c3 = −s1 / (σ M).
 */
const groupNormInputGradient: Lowering = (node, context) => {
  const { mul, neg } = arithmetic(context);
  const [x, w, g] = node.inputs as [Node, Node, Node];
  const attrs = node.attrs as GroupNormAttrs;
  const rows = rowsOf(context, x, g);
  const { centred, inverse } = centredRows(context, x, attrs, rows);
  const { c, share, gather, spread } = groupsOf(context, x, attrs);
  const weight = context.reshape(context.plain(w), [1, c, 1]);
  const cotangent = rows.of(g);
  const s1 = spread(mul(gather(mul(rows.sum(cotangent), weight)), share));
  const s2 = spread(mul(gather(mul(rows.dot(cotangent, centred), weight)), share));
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
  context.setPlain(node, builder.node('ReduceSum', [scaled, builder.ints([0, 2])], { keepdims: 0 }));
};

export const normLowerings: Readonly<Record<string, Lowering>> = {
  groupNorm,
  groupNormInputGradient,
  groupNormWeightGradient,
};
