/** Reshape, transpose, expand, slice, pad, concat, flip and the reductions as ONNX. */
import { hostArrayOf } from '../../dtype.ts';
import { sameShape, sizeOf } from '../../shape.ts';
import { type Lowering, type LoweringContext } from './context.ts';
import { type Node } from '../../graph/node.ts';

/** Slicing and joining whole blocks of channels is the same memory movement in both layouts. */
function wholeBlocks(context: LoweringContext, nodes: readonly Node[]): boolean {
  return nodes.every((node) => context.canBlock(node.shape));
}

const slice: Lowering = (node, context) => {
  const { builder } = context;
  const [x] = node.inputs as [Node];
  const starts = node.attrs['starts'] as readonly number[];
  const ends = node.attrs['ends'] as readonly number[];
  const axes = starts.flatMap((start, i) => (start !== 0 || ends[i] !== x.shape[i] ? [i] : []));
  const emit = (value: string): string =>
    builder.node('Slice', [
      value,
      builder.ints(axes.map((axis) => starts[axis]!)),
      builder.ints(axes.map((axis) => ends[axis]!)),
      builder.ints(axes),
    ]);
  const blocked =
    axes.every((axis) => axis <= 1) &&
    context.isBlocked(x) &&
    wholeBlocks(context, [x, node]) &&
    starts[1]! % context.block === 0;
  if (blocked) context.setBlocked(node, emit(context.blocked(x)));
  else context.setPlain(node, emit(context.plain(x)));
};

const concat: Lowering = (node, context) => {
  const axis = node.attrs['axis'] as number;
  const emit = (values: string[]): string => context.builder.node('Concat', values, { axis });
  const blocked =
    axis <= 1 &&
    wholeBlocks(context, [node, ...node.inputs]) &&
    node.inputs.some((x) => context.isBlocked(x));
  if (blocked) context.setBlocked(node, emit(node.inputs.map((x) => context.blocked(x))));
  else context.setPlain(node, emit(node.inputs.map((x) => context.plain(x))));
};

const pad: Lowering = (node, context) => {
  const { builder } = context;
  const pairs = node.attrs['pairs'] as readonly (readonly [number, number])[];
  const amounts = builder.ints([...pairs.map(([before]) => before), ...pairs.map(([, after]) => after)]);
  const value = hostArrayOf('pad', [node.attrs['value'] as number], node.dtype);
  context.setPlain(
    node,
    builder.node('Pad', [context.plain(node.inputs[0]!), amounts, builder.constant(node.dtype, [], value)]),
  );
};

const flip: Lowering = (node, context) => {
  const { builder } = context;
  const axes = node.attrs['axes'] as readonly number[];
  const all = (value: number): string => builder.ints(axes.map(() => value));
  context.setPlain(
    node,
    builder.node('Slice', [
      context.plain(node.inputs[0]!),
      all(-1),
      all(-(2 ** 31)),
      builder.ints(axes),
      all(-1),
    ]),
  );
};

function reduce(opType: string): Lowering {
  return (node, context) => {
    const { builder } = context;
    const [x] = node.inputs as [Node];
    const axes = node.attrs['axes'] as readonly number[];
    const keepdims = node.attrs['keepDims'] === true ? 1 : 0;
    const spatial = sameShape(axes, [2, 3]);
    if (context.isBlocked(x) && (spatial || sameShape(axes, [0, 2, 3]))) {
      const [n, c, h, w] = x.shape as [number, number, number, number];
      const view = context.reshape(context.blocked(x), [n, c / context.block, h * w, context.block]);
      const perSample = builder.node(opType, [view, builder.ints([2])], { keepdims: 0 });
      const total = spatial
        ? perSample
        : builder.node(opType, [perSample, builder.ints([0])], { keepdims: 0 });
      context.setPlain(node, context.reshape(total, node.shape));
      return;
    }
    context.setPlain(node, builder.node(opType, [context.plain(x), builder.ints(axes)], { keepdims }));
  };
}

export const movementLowerings: Readonly<Record<string, Lowering>> = {
  reshape: (node, context) =>
    context.setPlain(node, context.reshape(context.plain(node.inputs[0]!), node.shape)),
  transpose: (node, context) =>
    context.setPlain(
      node,
      context.transpose(context.plain(node.inputs[0]!), node.attrs['permutation'] as readonly number[]),
    ),
  expand: (node, context) => {
    const [x] = node.inputs as [Node];
    const value =
      sizeOf(node.shape) === sizeOf(x.shape) ? context.reshape(context.plain(x), node.shape) : undefined;
    context.setPlain(
      node,
      value ?? context.builder.node('Expand', [context.plain(x), context.builder.ints(node.shape)]),
    );
  },
  slice,
  pad,
  concat,
  flip,
  sum: reduce('ReduceSum'),
  max: reduce('ReduceMax'),
};
