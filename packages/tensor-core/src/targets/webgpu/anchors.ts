/** From anchors — everything that is no expression — to the kernels that compute them. */
import { UnsupportedOpError } from '../../errors.ts';
import { type Node } from '../../graph/node.ts';
import { attentionOps, type ConvAttrs, type GroupNormAttrs, reshape } from '../../ops/index.ts';
import { sizeOf } from '../../shape.ts';
import { emitAttentionOp } from './anchors-attention.ts';
import { epilogueOf, type FragmentContext, prologueOf } from './fragments.ts';
import { type Emitter, type Epilogue, type Operand } from './kernel.ts';
import { emitConv2d, emitConvInputGradient, emitConvWeightGradient } from './kernels/conv.ts';
import { emitMatmul } from './kernels/matmul.ts';
import { emitNormStatistics } from './kernels/norm.ts';
import { emitNormGradientSums } from './kernels/norm-gradient.ts';
import { emitReduce } from './kernels/reduce.ts';
import { emitScatterAdd } from './kernels/scatter-add.ts';
import { emitSoftmax } from './kernels/softmax.ts';
import { operandOf } from './operands.ts';
import { type Item } from './partition.ts';
import { NORM_STATISTICS, NORM_SUMS } from './rewrite.ts';

interface AnchorContext extends FragmentContext {
  readonly emitter: Emitter;
  readonly out: Operand;
  readonly epilogue: Epilogue | undefined;
}

type AnchorLowering = (node: Node, context: AnchorContext) => void;

/** Ops that `emitAnchors` knows. */
const anchors: Readonly<Record<string, AnchorLowering>> = {
  matmul: (node, context) => {
    const [a, b] = node.inputs as [Node, Node];
    const rank = node.shape.length - 2;
    const batch = node.shape.slice(0, rank);
    const [transposeA, transposeB] = [node.attrs['transposeA'], node.attrs['transposeB']] as [
      boolean,
      boolean,
    ];
    emitMatmul(context.emitter, {
      a: stored(a, context),
      b: stored(b, context),
      out: context.out,
      transposeA,
      transposeB,
      m: node.shape[rank]!,
      n: node.shape[rank + 1]!,
      k: a.shape.at(transposeA ? -2 : -1)!,
      batch: { shape: batch, a: batchStrides(a, batch), b: batchStrides(b, batch) },
      ...epilogued(context),
    });
  },
  conv2d: (node, context) => {
    const [x, w] = node.inputs as [Node, Node];
    emitConv2d(context.emitter, {
      ...convSizes(x, w, node),
      attrs: node.attrs as ConvAttrs,
      x: stored(x, context),
      w: stored(w, context),
      out: context.out,
      ...epilogued(context),
    });
  },
  conv2dInputGradient: (node, context) => {
    const [g, w] = node.inputs as [Node, Node];
    emitConvInputGradient(context.emitter, {
      ...convSizes(node, w, g),
      attrs: node.attrs as ConvAttrs,
      g: stored(g, context),
      w: stored(w, context),
      out: context.out,
      ...epilogued(context),
    });
  },
  conv2dWeightGradient: (node, context) => {
    const [x, g] = node.inputs as [Node, Node];
    emitConvWeightGradient(context.emitter, {
      ...convSizes(x, node, g),
      attrs: node.attrs as ConvAttrs,
      x: stored(x, context),
      g: stored(g, context),
      out: context.out,
    });
  },
  softmax: (node, context) => {
    emitSoftmax(context.emitter, {
      input: prologueOf(node.inputs[0]!, 'x', context),
      axis: node.attrs['axis'] as number,
      log: false,
      out: context.out,
      ...epilogued(context),
    });
  },
  ...Object.fromEntries(
    attentionOps.map((op): [string, AnchorLowering] => [
      op,
      (node, context) => {
        const inputs = node.inputs.map((input) => stored(input, context));
        emitAttentionOp(context.emitter, node, inputs, context.out, context.epilogue);
      },
    ]),
  ),
  scatterAdd: (node, context) => {
    const [indices, updates] = node.inputs as [Node, Node];
    emitScatterAdd(context.emitter, {
      indices: prologueOf(indices, 'indices', context),
      updates: prologueOf(updates, 'updates', context),
      extent: node.attrs['extent'] as number,
      inner: sizeOf(node.shape.slice(1)),
      out: context.out,
    });
  },
  [NORM_STATISTICS]: (node, context) => {
    const [x] = node.inputs as [Node];
    const { groups, eps } = node.attrs as GroupNormAttrs;
    const grouped = reshape(x, [x.shape[0]!, groups, sizeOf(x.shape.slice(1)) / groups]);
    emitNormStatistics(context.emitter, { input: prologueOf(grouped, 'x', context), eps, out: context.out });
  },
  [NORM_SUMS]: (node, context) => {
    const [x, g, statistics, weight] = node.inputs as [Node, Node, Node, Node?];
    const [n, c] = x.shape as [number, number];
    emitNormGradientSums(context.emitter, {
      x: prologueOf(x, 'x', context),
      g: prologueOf(g, 'g', context),
      statistics: stored(statistics, context),
      ...(weight && { weight: prologueOf(weight, 'weight', context) }),
      n,
      c,
      spatial: sizeOf(x.shape.slice(2)),
      groups: (node.attrs as GroupNormAttrs).groups,
      out: context.out,
    });
  },
};

/** Ops that become kernels of their own. */
export const anchorOps: ReadonlySet<string> = new Set([...Object.keys(anchors), 'sum', 'max']);

/**
 * Emits what computes the items: one anchor, or reductions of one shape over the same axes.
 *
 * @throws UnsupportedOpError for an op that this target has no kernel for
 */
export function emitAnchors(
  emitter: Emitter,
  items: readonly Item[],
  outOf: (root: Node) => Operand,
  context: FragmentContext,
): void {
  const first = items[0]!.anchor!;
  if (first.op === 'sum' || first.op === 'max') {
    emitReduce(emitter, {
      axes: first.attrs['axes'] as readonly number[],
      inputs: items.map(({ anchor, root }, k) => {
        const epilogue = epilogueOf(anchor!, root, `${k}`, context);
        return {
          op: anchor!.op as 'sum' | 'max',
          input: prologueOf(anchor!.inputs[0]!, `${k}`, context),
          out: outOf(root),
          ...(epilogue ? { epilogue } : {}),
        };
      }),
    });
    return;
  }
  const lowering = anchors[first.op];
  if (!lowering) throw new UnsupportedOpError(`${first.op}: the WebGPU target has no kernel for this op`);
  const { root } = items[0]!;
  lowering(first, { ...context, emitter, out: outOf(root), epilogue: epilogueOf(first, root, 'v', context) });
}

function epilogued({ epilogue }: AnchorContext): { epilogue?: Epilogue } {
  return epilogue ? { epilogue } : {};
}

/** The memory of a node that products read; the partition has seen to it that there is one. */
function stored(node: Node, { stored: operands }: FragmentContext): Operand {
  const operand = operandOf(node, operands);
  if (!operand) throw new UnsupportedOpError(`${node.op}: the WebGPU target wants this value in memory`);
  return operand;
}

/** Elements between one matrix and the next along each batch axis; 0 where the operand is broadcast. */
function batchStrides(x: Node, batch: readonly number[]): number[] {
  const own = x.shape.slice(0, -2);
  let stride = x.shape.at(-1)! * x.shape.at(-2)!;
  const strides = batch.map(() => 0);
  for (let axis = own.length - 1; axis >= 0; axis--) {
    if (own[axis] !== 1) strides[axis + batch.length - own.length] = stride;
    stride *= own[axis]!;
  }
  return strides;
}

/** Sizes of a convolution of `x` with `w` that gives `y`. */
function convSizes(
  x: { shape: readonly number[] },
  w: { shape: readonly number[] },
  y: { shape: readonly number[] },
): {
  n: number;
  c: number;
  h: number;
  width: number;
  o: number;
  kh: number;
  kw: number;
  outH: number;
  outW: number;
} {
  const [n, c, h, width] = x.shape as [number, number, number, number];
  const [o, , kh, kw] = w.shape as [number, number, number, number];
  const [, , outH, outW] = y.shape as [number, number, number, number];
  return { n, c, h, width, o, kh, kw, outH, outW };
}
