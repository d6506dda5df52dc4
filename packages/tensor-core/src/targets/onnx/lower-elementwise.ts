/** Elementwise ops as ONNX: most have an operator of the same meaning. */
import { type DType } from '../../dtype.ts';
import { type Node } from '../../graph/node.ts';
import { sameShape, sizeOf } from '../../shape.ts';
import { affineBlocked } from './blocked.ts';
import { CONTRIB, elementType } from './builder.ts';
import { isPerChannel, type Lowering, type LoweringContext } from './context.ts';

/** An ONNX operator with the same operands. */
function direct(opType: string): Lowering {
  return (node, context) => context.elementwise(node, (operands) => context.builder.node(opType, operands));
}

function siluGradient(node: Node, context: LoweringContext): void {
  const { builder } = context;
  // s + x·s·(1 − s) = s · (1 + (x − y)) with y = x·s, which the forward pass has made already
  context.elementwise(node, ([x, g]) => {
    const s = builder.node('Sigmoid', [x!]);
    const y = builder.node('QuickGelu', [x!], { alpha: { float: 1 } }, CONTRIB);
    const slope = builder.node('Add', [builder.node('Sub', [x!, y]), builder.float(1)]);
    return builder.node('Mul', [builder.node('Mul', [g!, s]), slope]);
  });
}

/**
 * add, sub and mul of a value in blocks with one number per sample and channel: a single pass (blocked.ts), where
 * broadcasting would take the elements a block at a time.
 */
function perChannel(opType: 'Add' | 'Sub' | 'Mul'): Lowering {
  const general = direct(opType);
  return (node, context) => {
    const { builder } = context;
    const [a, b] = node.inputs as [Node, Node];
    const [n, c] = node.shape as [number, number];
    const full = (x: Node): boolean => sameShape(x.shape, node.shape) && context.isBlocked(x);
    const small = (x: Node): boolean =>
      sizeOf(x.shape) > 1 && isPerChannel(x.shape) && !sameShape(x.shape, node.shape);
    const swapped = opType !== 'Sub' && full(b) && small(a);
    if (!context.canBlock(node.shape) || !(swapped || (full(a) && small(b)))) {
      general(node, context);
      return;
    }
    const [x, other] = swapped ? [b, a] : [a, b];
    const rows = builder.node('Expand', [context.plain(other), builder.ints([n, c, 1, 1])]);
    const scale = opType === 'Mul' ? rows : builder.filled([n, c, 1, 1], 1);
    const shift = opType === 'Mul' ? undefined : opType === 'Add' ? rows : builder.node('Neg', [rows]);
    context.setBlocked(node, affineBlocked(context, context.blocked(x), node.shape, { scale, shift }));
  };
}

export const elementwiseLowerings: Readonly<Record<string, Lowering>> = {
  add: perChannel('Add'),
  sub: perChannel('Sub'),
  mul: perChannel('Mul'),
  div: direct('Div'),
  pow: direct('Pow'),
  maximum: direct('Max'),
  minimum: direct('Min'),
  neg: direct('Neg'),
  exp: direct('Exp'),
  log: direct('Log'),
  sqrt: direct('Sqrt'),
  reciprocal: direct('Reciprocal'),
  abs: direct('Abs'),
  sign: direct('Sign'),
  sin: direct('Sin'),
  cos: direct('Cos'),
  tanh: direct('Tanh'),
  sigmoid: direct('Sigmoid'),
  erf: direct('Erf'),
  relu: direct('Relu'),
  less: direct('Less'),
  greater: direct('Greater'),
  equal: direct('Equal'),
  where: direct('Where'),
  square: (node, context) => context.elementwise(node, ([x]) => context.builder.node('Mul', [x!, x!])),
  silu: (node, context) =>
    context.elementwise(node, ([x]) =>
      context.builder.node('QuickGelu', [x!], { alpha: { float: 1 } }, CONTRIB),
    ),
  siluGradient,
  cast: (node, context) =>
    context.elementwise(node, ([x]) =>
      context.builder.node('Cast', [x!], { to: elementType[node.attrs['dtype'] as DType] }),
    ),
  identity: (node, context) =>
    context.setPlain(node, context.builder.node('Identity', [context.plain(node.inputs[0]!)])),
};
