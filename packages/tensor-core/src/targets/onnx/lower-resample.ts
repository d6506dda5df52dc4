/** Pooling and upsampling as ONNX, in the layout that the input has. */
import { type Node } from '../../graph/node.ts';
import { type PoolAttrs } from '../../ops/index.ts';
import { NCHWC } from './builder.ts';
import { type Lowering } from './context.ts';

const avgPool2d: Lowering = (node, context) => {
  const [x] = node.inputs as [Node];
  const kernel = node.attrs['kernel'] as number;
  const attributes = { kernel_shape: [kernel, kernel], strides: [kernel, kernel] };
  if (context.isBlocked(x)) {
    context.setBlocked(node, context.builder.node('AveragePool', [context.blocked(x)], attributes, NCHWC));
  } else {
    context.setPlain(node, context.builder.node('AveragePool', [context.plain(x)], attributes));
  }
};

function poolAttributes({ kernel, stride, padding }: PoolAttrs): Record<string, readonly number[]> {
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
  };
}

const maxPool2d: Lowering = (node, context) => {
  const [x] = node.inputs as [Node];
  const attributes = poolAttributes(node.attrs as PoolAttrs);
  if (context.isBlocked(x)) {
    context.setBlocked(node, context.builder.node('MaxPool', [context.blocked(x)], attributes, NCHWC));
  } else {
    context.setPlain(node, context.builder.node('MaxPool', [context.plain(x)], attributes));
  }
};

/** Where the largest elements lie is found again, for the blocked kernels do not tell: the first of several. */
const maxPool2dGradient: Lowering = (node, context) => {
  const { builder } = context;
  const [x, , cotangent] = node.inputs as [Node, Node, Node];
  const attributes = poolAttributes(node.attrs as PoolAttrs);
  const [, places] = builder.nodes(2, 'MaxPool', [context.plain(x)], attributes) as [string, string];
  const operands = [context.plain(cotangent), places, builder.ints(node.shape)];
  context.setPlain(node, builder.node('MaxUnpool', operands, attributes));
};

/** Rows of `width` elements, each repeated `scale` times in place: a copy of runs of memory. */
const upsampleNearest2d: Lowering = (node, context) => {
  const { builder } = context;
  const [x] = node.inputs as [Node];
  const scale = node.attrs['scale'] as number;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const repeat = (value: string, rows: number, width: number): string =>
    builder.node(
      'Concat',
      Array.from({ length: scale }, () => context.reshape(value, [rows, width])),
      { axis: 1 },
    );
  if (context.isBlocked(x)) {
    const b = context.block;
    const wide = repeat(context.blocked(x), (n * c * h * w) / b, b);
    context.setBlocked(node, context.reshape(repeat(wide, (n * c * h) / b, w * scale * b), node.shape));
    return;
  }
  const wide = builder.node('Expand', [
    context.reshape(context.plain(x), [n * c * h * w, 1]),
    builder.ints([n * c * h * w, scale]),
  ]);
  context.setPlain(node, context.reshape(repeat(wide, n * c * h, w * scale), node.shape));
};

export const resampleLowerings: Readonly<Record<string, Lowering>> = {
  avgPool2d,
  maxPool2d,
  maxPool2dGradient,
  upsampleNearest2d,
};
