/** Group normalisation, pooling and upsampling as ONNX. */
import { type Node } from '../../graph/node.ts';
import { type GroupNormAttrs } from '../../ops/index.ts';
import { sizeOf } from '../../shape.ts';
import { type Lowering, type LoweringContext } from './context.ts';

/** Mean and 1/√(σ² + ε) of every group, each [N, G, 1]. */
function statistics(context: LoweringContext, x: Node, attrs: GroupNormAttrs): { y: string; mean: string; inverse: string } {
  const { builder } = context;
  const inner = sizeOf(x.shape.slice(1)) / attrs.groups;
  const flat = context.reshape(context.plain(x), [x.shape[0]!, attrs.groups, inner]);
  const [y, mean, inverse] = builder.nodes(3, 'LayerNormalization', [flat, builder.filled([inner], 1)], {
    axis: -1,
    epsilon: { float: attrs.eps },
  }) as [string, string, string];
  return { y, mean, inverse };
}

/** [N, C, rest] */
function rows(x: Node): readonly [number, number, number] {
  return [x.shape[0]!, x.shape[1]!, sizeOf(x.shape.slice(2))];
}

/** A value per group [N, G, 1] repeated for the group's channels: [N, C, 1]. */
function perChannel(context: LoweringContext, value: string, n: number, c: number, groups: number): string {
  const { builder } = context;
  const repeated = builder.node('Expand', [
    context.reshape(value, [n, groups, 1]),
    builder.ints([n, groups, c / groups]),
  ]);
  return context.reshape(repeated, [n, c, 1]);
}

const groupNorm: Lowering = (node, context) => {
  const { builder } = context;
  const [x, w, b] = node.inputs as [Node, Node, Node];
  const attrs = node.attrs as GroupNormAttrs;
  const [n, c, m] = rows(x);
  const { y } = statistics(context, x, attrs);
  const scaled = builder.node('Mul', [context.reshape(y, [n, c, m]), context.reshape(context.plain(w), [1, c, 1])]);
  const shifted = builder.node('Add', [scaled, context.reshape(context.plain(b), [1, c, 1])]);
  context.setPlain(node, context.reshape(shifted, node.shape));
};

/** Σ g and Σ g · x over every channel of every sample, each [N, C, 1]. */
function sums(context: LoweringContext, x: Node, g: Node): { ofG: string; ofGX: string } {
  const { builder } = context;
  const view = rows(x);
  const gRows = context.reshape(context.plain(g), view);
  const xRows = context.reshape(context.plain(x), view);
  return {
    ofG: builder.node('ReduceSum', [gRows, builder.ints([2])], { keepdims: 1 }),
    ofGX: builder.node('ReduceSum', [builder.node('Mul', [gRows, xRows]), builder.ints([2])], { keepdims: 1 }),
  };
}

/**
 * dx = g · (weight/σ) + x · c2 + c3 with, per group, s1 = Σ weight·Σg, s2 = Σ weight·Σ(g·x), M elements:
 * c2 = (s1·μ − s2) / (σ³ M), c3 = −c2·μ − s1 / (σ M).
 */
const groupNormInputGradient: Lowering = (node, context) => {
  const { builder } = context;
  const [x, w, g] = node.inputs as [Node, Node, Node];
  const attrs = node.attrs as GroupNormAttrs;
  const [n, c, m] = rows(x);
  const { groups } = attrs;
  const { mean, inverse } = statistics(context, x, attrs);
  const { ofG, ofGX } = sums(context, x, g);
  const weight = context.reshape(context.plain(w), [1, c, 1]);
  const mul = (a: string, b: string): string => builder.node('Mul', [a, b]);
  const inGroups = (value: string): string =>
    builder.node('ReduceSum', [context.reshape(value, [n, groups, c / groups]), builder.ints([2])], { keepdims: 1 });
  const s1 = inGroups(mul(ofG, weight));
  const s2 = inGroups(mul(ofGX, weight));
  const count = builder.float(1 / ((m * c) / groups));
  const cube = mul(inverse, mul(inverse, inverse));
  const c2 = mul(mul(builder.node('Sub', [mul(s1, mean), s2]), cube), count);
  const c3 = builder.node('Neg', [builder.node('Add', [mul(c2, mean), mul(mul(s1, inverse), count)])]);
  const c1 = mul(weight, perChannel(context, inverse, n, c, groups));
  const gPart = mul(context.reshape(context.plain(g), [n, c, m]), c1);
  const flat = [n, groups, (c / groups) * m];
  const xPart = builder.node('Add', [mul(context.reshape(context.plain(x), flat), c2), c3]);
  const dx = builder.node('Add', [gPart, context.reshape(xPart, [n, c, m])]);
  context.setPlain(node, context.reshape(dx, node.shape));
};

/** Σ over samples of (Σ g·x − μ Σ g) / σ. */
const groupNormWeightGradient: Lowering = (node, context) => {
  const { builder } = context;
  const [x, g] = node.inputs as [Node, Node];
  const attrs = node.attrs as GroupNormAttrs;
  const [n, c] = rows(x);
  const { mean, inverse } = statistics(context, x, attrs);
  const { ofG, ofGX } = sums(context, x, g);
  const centred = builder.node('Sub', [
    ofGX,
    builder.node('Mul', [ofG, perChannel(context, mean, n, c, attrs.groups)]),
  ]);
  const scaled = builder.node('Mul', [centred, perChannel(context, inverse, n, c, attrs.groups)]);
  context.setPlain(node, builder.node('ReduceSum', [scaled, builder.ints([0, 2])], { keepdims: 0 }));
};

const avgPool2d: Lowering = (node, context) => {
  const kernel = node.attrs['kernel'] as number;
  const attributes = { kernel_shape: [kernel, kernel], strides: [kernel, kernel] };
  context.setPlain(node, context.builder.node('AveragePool', [context.plain(node.inputs[0]!)], attributes));
};

const upsampleNearest2d: Lowering = (node, context) => {
  const { builder } = context;
  const [x] = node.inputs as [Node];
  const scale = node.attrs['scale'] as number;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const repeated = builder.node('Expand', [
    context.reshape(context.plain(x), [n, c, h, 1, w, 1]),
    builder.ints([n, c, h, scale, w, scale]),
  ]);
  context.setPlain(node, context.reshape(repeated, node.shape));
};

export const normLowerings: Readonly<Record<string, Lowering>> = {
  groupNorm,
  groupNormInputGradient,
  groupNormWeightGradient,
  avgPool2d,
  upsampleNearest2d,
};
