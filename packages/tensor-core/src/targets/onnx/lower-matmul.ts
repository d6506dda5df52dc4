/** Matrix products, softmax and table look-ups as ONNX. */
import { type Node } from '../../graph/node.ts';
import { sizeOf } from '../../shape.ts';
import { CONTRIB } from './builder.ts';
import { type Lowering } from './context.ts';

const matmul: Lowering = (node, context) => {
  const { builder } = context;
  const [a, b] = node.inputs.map((input) => context.plain(input)) as [string, string];
  const transA = node.attrs['transposeA'] === true ? 1 : 0;
  const transB = node.attrs['transposeB'] === true ? 1 : 0;
  const value =
    transA + transB > 0
      ? builder.node('FusedMatMul', [a, b], { transA, transB }, CONTRIB)
      : builder.node('MatMul', [a, b]);
  context.setPlain(node, value);
};

/** ONNX's softmax runs along the last axis; others are moved there and back. */
function alongLast(opType: string): Lowering {
  return (node, context) => {
    const { builder } = context;
    const axis = node.attrs['axis'] as number;
    context.setPlain(node, builder.node(opType, [context.plain(node.inputs[0]!)], { axis }));
  };
}

const scatterAdd: Lowering = (node, context) => {
  const { builder } = context;
  const [indices, updates] = node.inputs as [Node, Node];
  const count = sizeOf(indices.shape);
  const rows = builder.node('Cast', [context.plain(indices)], { to: 7 });
  const value = builder.node(
    'ScatterND',
    [
      builder.filled(node.shape, 0),
      context.reshape(rows, [count, 1]),
      context.reshape(context.plain(updates), [count, ...node.shape.slice(1)]),
    ],
    { reduction: 'add' },
  );
  context.setPlain(node, value);
};

export const matmulLowerings: Readonly<Record<string, Lowering>> = {
  matmul,
  softmax: alongLast('Softmax'),
  logSoftmax: alongLast('LogSoftmax'),
  gather: (node, context) =>
    context.setPlain(
      node,
      context.builder.node('Gather', [context.plain(node.inputs[0]!), context.plain(node.inputs[1]!)], {
        axis: 0,
      }),
    ),
  scatterAdd,
};
