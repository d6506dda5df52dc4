/**
 * The graph as this target would rather have it: composite ops taken apart where their pieces fuse better, moves that
 * move nothing made reshapes, transpositions handed to the products that take them for free.
 */
import { defineOp, isLeaf, type Node, opDefinition, rebuild, topologicalOrder } from '../../graph/node.ts';
import { simplify } from '../../graph/simplify.ts';
import { attentionOps, type GroupNormAttrs, poolOps } from '../../ops/index.ts';
import * as ops from '../../ops/index.ts';
import { sizeOf } from '../../shape.ts';
import { keepsAttention } from './anchors-attention.ts';
import { type Capabilities } from './kernel.ts';

/** Inputs of a concatenation that one kernel reads. */
const MOST_PARTS = 4;

/**
 * Ops that only this target has: mean and 1 / √(σ² + ε) of every group, and the sums that its gradients are made of, with
 * the means over groups that dLoss/dx needs where the weight is given (kernels/norm-gradient.ts).
 */
export const NORM_STATISTICS = 'webgpu.normStatistics';
export const NORM_SUMS = 'webgpu.normSums';

type Rewrite = (node: Node, context: RewriteContext) => Node | undefined;

interface RewriteContext {
  /** Gradients that reach a group normalisation: their sums are there already. */
  readonly sums: Map<Node, Node>;
  readonly capabilities: Capabilities;
}

/** The same outputs from ops that this target has kernels for. */
export function rewriteGraph(outputs: readonly Node[], capabilities: Capabilities): Node[] {
  const context: RewriteContext = { sums: new Map(), capabilities };
  const first = replaceAll(outputs, (node) => rules[node.op]?.(node, context));
  const second = replaceAll(first, (node) => fromSums(node, context));
  const taken = new Set<Node>();
  // An output has memory of its own.
  return simplify(second).map((node) => {
    const own = isLeaf(node) || taken.has(node) ? ops.identity(node) : node;
    taken.add(own);
    return own;
  });
}

/** The outputs with every node replaced that `rewrite` has something better for, and what it gives in its turn. */
function replaceAll(outputs: readonly Node[], rewrite: (node: Node) => Node | undefined): Node[] {
  const done = new Map<Node, Node>();
  const settle = (node: Node): Node => {
    const held = done.get(node);
    if (held) return held;
    const inputs = node.inputs.map(settle);
    const current = inputs.every((input, i) => input === node.inputs[i]) ? node : rebuild(node, inputs);
    const better = rewrite(current);
    const result = better ? settle(better) : current;
    for (const same of [node, current, result]) done.set(same, result);
    return result;
  };
  // Recursion goes no deeper than what a rule makes: the inputs of a node in topological order are settled already.
  for (const node of topologicalOrder(outputs)) settle(node);
  return outputs.map(settle);
}

const makeStatistics = defineOp<GroupNormAttrs>({
  name: NORM_STATISTICS,
  infer: ([x], { groups }) => ({ shape: [x!.shape[0]! * groups, 2], dtype: 'float32' }),
});

const makeSums = defineOp<GroupNormAttrs>({
  name: NORM_SUMS,
  infer: ([x, , , w], { groups }) => ({
    shape: [x!.shape[0]!, x!.shape[1]! + (w ? groups : 0), 2],
    dtype: 'float32',
  }),
});

const rules: Readonly<Record<string, Rewrite>> = {
  logSoftmax: decompose,
  ...Object.fromEntries(poolOps.map((op): [string, Rewrite] => [op, decompose])),
  ...Object.fromEntries(
    attentionOps.map((op): [string, Rewrite] => [
      op,
      (node, { capabilities }) => (keepsAttention(node, capabilities) ? undefined : decompose(node)),
    ]),
  ),
  groupNorm: (node) => {
    const [x, w, b] = node.inputs as [Node, Node, Node];
    const { xHat, affine } = normalized(x, node.attrs as GroupNormAttrs);
    return ops.reshape(ops.cast(ops.add(ops.mul(xHat, affine(w)), affine(b)), x.dtype), x.shape);
  },
  groupNormInputGradient: (node, context) => {
    const [x, w, g] = node.inputs as [Node, Node, Node];
    const attrs = node.attrs as GroupNormAttrs;
    const { xHat, inverse, affine, grouped } = normalized(x, attrs);
    const [n, c] = x.shape as [number, number];
    const sums = makeSums([x, g, makeStatistics([x], attrs), w], attrs);
    context.sums.set(g, sums);
    const meanOf = (which: number): Node =>
      ops.reshape(ops.slice(sums, [0, c, which], [n, c + attrs.groups, which + 1]), [n, attrs.groups, 1, 1]);
    const h = ops.mul(grouped(g), affine(w));
    const inner = ops.sub(ops.sub(h, meanOf(0)), ops.mul(xHat, meanOf(1)));
    return ops.reshape(ops.cast(ops.mul(inner, inverse), x.dtype), x.shape);
  },
  groupNormWeightGradient: (node, context) => {
    const [x, g] = node.inputs as [Node, Node];
    const [n, c] = x.shape as [number, number];
    const attrs = node.attrs as GroupNormAttrs;
    const held = context.sums.get(g);
    const sums = held && isOf(held, x, attrs) ? held : makeSums([x, g, makeStatistics([x], attrs)], attrs);
    if (!held) context.sums.set(g, sums);
    const products = ops.slice(sums, [0, 0, 1], [n, c, 2]);
    return ops.cast(ops.reshape(ops.sum(products, 0), node.shape), node.dtype);
  },
  conv2d: (node) => {
    const [x, w, bias] = node.inputs as [Node, Node, Node | undefined];
    if (!bias) return undefined;
    return ops.add(ops.conv2d(x, w, undefined, node.attrs), ops.reshape(bias, [1, bias.shape[0]!, 1, 1]));
  },
  transpose: (node) => {
    const permutation = node.attrs['permutation'] as readonly number[];
    const [x] = node.inputs as [Node];
    const moved = permutation.filter((axis) => x.shape[axis] !== 1);
    return moved.every((axis, i) => i === 0 || axis > moved[i - 1]!) ? ops.reshape(x, node.shape) : undefined;
  },
  matmul: (node) => {
    const flags = [node.attrs['transposeA'], node.attrs['transposeB']] as [boolean, boolean];
    const inputs = node.inputs.map((input, i) => {
      const source = transposedLast(input);
      if (!source) return input;
      flags[i] = !flags[i];
      return source;
    });
    if (inputs.every((input, i) => input === node.inputs[i])) return undefined;
    return ops.matmul(inputs[0]!, inputs[1]!, { transposeA: flags[0], transposeB: flags[1] });
  },
  concat: (node) => {
    const axis = node.attrs['axis'] as number;
    const inputs = node.inputs.filter((input) => input.shape[axis] !== 0);
    if (inputs.length < node.inputs.length) return ops.concat(inputs, axis);
    if (inputs.length <= MOST_PARTS || isContiguousConcat(node)) return undefined;
    const parts: Node[] = [];
    for (let i = 0; i < inputs.length; i += MOST_PARTS) {
      parts.push(ops.concat(inputs.slice(i, i + MOST_PARTS), axis));
    }
    return ops.concat(parts, axis);
  },
};

function decompose(node: Node): Node | undefined {
  return opDefinition(node.op).decompose?.(node.inputs, node.attrs);
}

/** True where each input is a run of the result's elements. */
export function isContiguousConcat(node: Node): boolean {
  const axis = node.attrs['axis'] as number;
  return node.op === 'concat' && sizeOf(node.shape.slice(0, axis)) === 1;
}

/** What a node swaps the last two axes of. */
function transposedLast(node: Node): Node | undefined {
  if (node.op !== 'transpose') return undefined;
  const permutation = node.attrs['permutation'] as readonly number[];
  const last = permutation.length - 1;
  const swaps = permutation.every((axis, i) => axis === (i === last ? last - 1 : i === last - 1 ? last : i));
  return swaps && last >= 1 ? node.inputs[0] : undefined;
}

/** x̂ [N, G, C/G, S] in float32 from the statistics of its groups, and the views that go with it. */
function normalized(
  x: Node,
  attrs: GroupNormAttrs,
): { xHat: Node; inverse: Node; affine: (w: Node) => Node; grouped: (x: Node) => Node } {
  const [n, c] = x.shape as [number, number];
  const { groups } = attrs;
  const spatial = sizeOf(x.shape.slice(2));
  const grouped = (y: Node): Node => ops.reshape(ops.cast(y, 'float32'), [n, groups, c / groups, spatial]);
  const statistics = makeStatistics([x], attrs);
  const of = (which: number): Node =>
    ops.reshape(ops.slice(statistics, [0, which], [n * groups, which + 1]), [n, groups, 1, 1]);
  return {
    xHat: ops.mul(ops.sub(grouped(x), of(0)), of(1)),
    inverse: of(1),
    affine: (w) => ops.reshape(ops.cast(w, 'float32'), [1, groups, c / groups, 1]),
    grouped,
  };
}

/** True for sums of this normalisation of x. */
function isOf(sums: Node, x: Node, { groups, eps }: GroupNormAttrs): boolean {
  return sums.inputs[0] === x && sums.attrs['groups'] === groups && sums.attrs['eps'] === eps;
}

/** What sums that a norm's gradient needs anyway hold: Σ g over all axes but the channels', and sums without means. */
function fromSums(node: Node, { sums }: RewriteContext): Node | undefined {
  if (node.op === NORM_SUMS && node.inputs.length === 3) {
    const held = sums.get(node.inputs[1]!);
    if (!held || held === node || !isOf(held, node.inputs[0]!, node.attrs as GroupNormAttrs))
      return undefined;
    return ops.slice(held, [0, 0, 0], [...node.shape]);
  }
  if (node.op !== 'sum') return undefined;
  const [g] = node.inputs as [Node];
  const held = sums.get(g);
  const axes = node.attrs['axes'] as readonly number[];
  if (!held || axes.includes(1) || axes.length !== g.shape.length - 1) return undefined;
  const [n, c] = g.shape as [number, number];
  const total = ops.sum(ops.slice(held, [0, 0, 0], [n, c, 1]), 0);
  return ops.cast(ops.reshape(total, node.shape), node.dtype);
}
