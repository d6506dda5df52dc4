/** Elementwise ops as ONNX: most have an operator of the same meaning. */
import { type DType } from '../../dtype.ts';
import { type Node } from '../../graph/node.ts';
import { CONTRIB, elementType } from './builder.ts';
import { type Lowering, type LoweringContext } from './context.ts';

/** An ONNX operator with the same operands. */
function direct(opType: string): Lowering {
  return (node, context) => context.elementwise(node, (operands) => context.builder.node(opType, operands));
}

function siluGradient(node: Node, context: LoweringContext): void {
  const { builder } = context;
  // s + x·s·(1 − s) = s + y·(1 − s) with y = x·s
  context.elementwise(node, ([x, g]) => {
    const s = builder.node('Sigmoid', [x!]);
    const y = builder.node('QuickGelu', [x!], { alpha: { float: 1 } }, CONTRIB);
    const slope = builder.node('Add', [s, builder.node('Sub', [y, builder.node('Mul', [y, s])])]);
    return builder.node('Mul', [g!, slope]);
  });
}

export const elementwiseLowerings: Readonly<Record<string, Lowering>> = {
  add: direct('Add'),
  sub: direct('Sub'),
  mul: direct('Mul'),
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
    context.elementwise(node, ([x]) => context.builder.node('QuickGelu', [x!], { alpha: { float: 1 } }, CONTRIB)),
  siluGradient,
  cast: (node, context) =>
    context.elementwise(node, ([x]) =>
      context.builder.node('Cast', [x!], { to: elementType[node.attrs['dtype'] as DType] }),
    ),
  identity: (node, context) => context.setPlain(node, context.builder.node('Identity', [context.plain(node.inputs[0]!)])),
};
