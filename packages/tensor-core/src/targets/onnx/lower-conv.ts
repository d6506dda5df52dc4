/**
 * Convolution and its gradients as ONNX.
 *
 * ONNX Runtime's plain `Conv` unrolls its input for a matrix product. Its channel-blocked kernels (layout.ts) are
 * about twice as fast, and take weights that change from step to step once those are reordered inside the graph,
 * which costs nothing beside the convolution. What does not fit them falls back to `Conv` and `ConvTranspose`.
 */
import { type Node } from '../../graph/node.ts';
import { type ConvAttrs, type ConvInputGradientAttrs } from '../../ops/index.ts';
import { NCHWC } from './builder.ts';
import { type Lowering, type LoweringContext } from './context.ts';
import { conv2dWeightGradient } from './lower-conv-weight.ts';
import { padded, roundUp } from './blocked.ts';

function onnxAttributes({
  stride,
  padding,
  dilation,
  groups,
}: ConvAttrs): Record<string, number | readonly number[]> {
  return { strides: stride, pads: padding, dilations: dilation, group: groups };
}

/**
 * The weight [O, I, kh, kw] in the order that the blocked kernels read: [O/b, I/b, kh, kw, b of I, b of O], or
 * [O/b, I, kh, kw, b of O] where the input is plain. Reordering a reshaped view is a fast transposition.
 */
function blockedWeight(context: LoweringContext, weight: string, shape: readonly number[]): string {
  const [o, i, kh, kw] = shape as [number, number, number, number];
  const b = context.block;
  const outside = context.builder.node(
    'ReorderInput',
    [context.reshape(weight, [o / b, b, i * kh * kw, 1])],
    {},
    NCHWC,
  );
  if (i < b) return context.reshape(outside, shape);
  const parts = context.reshape(outside, [o / b, i / b, b, kh * kw, b]);
  return context.reshape(context.transpose(parts, [0, 1, 3, 2, 4]), shape);
}

/** The weight [O, I, kh, kw] turned around for the way back, [I, O, kh, kw], as `blockedWeight` orders it. */
function turnedWeight(context: LoweringContext, weight: string, shape: readonly number[]): string {
  const { builder, block: b } = context;
  const [o, i, kh, kw] = shape as [number, number, number, number];
  if (i % b !== 0) return blockedWeight(context, turned(context, weight), [i, o, kh, kw]);
  const taps = kh * kw;
  const outside = builder.node('ReorderInput', [context.reshape(weight, [o, i, taps, 1])], {}, NCHWC);
  const moved =
    o < b
      ? context.transpose(context.reshape(outside, [o, i / b, taps, b]), [1, 0, 2, 3])
      : context.reshape(
          context.transpose(context.reshape(outside, [o / b, b, i / b, taps, b]), [2, 0, 3, 1, 4]),
          [i / b, o / b, taps, b * b],
        );
  const backwards = builder.ints(Array.from({ length: taps }, (_, t) => taps - 1 - t));
  const value = taps === 1 ? moved : builder.node('Gather', [moved, backwards], { axis: 2 });
  return context.reshape(value, [i, o, kh, kw]);
}

interface BlockedConv {
  /** In blocks, or plain where it has fewer channels than a block. */
  readonly input: string;
  /** As `blockedWeight` orders it, output channels filled up to whole blocks. */
  readonly weight: string;
  readonly weightShape: readonly number[];
  readonly bias?: string;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** True where the blocked kernels take the input as it is, or after one reorder. */
function fitsBlocks(context: LoweringContext, inputChannels: number, groups: number): boolean {
  return (
    context.block > 0 &&
    groups === 1 &&
    (inputChannels < context.block || inputChannels % context.block === 0)
  );
}

function blockedInput(context: LoweringContext, x: Node): string {
  return x.shape[1]! < context.block ? context.plain(x) : context.blocked(x);
}

/** A convolution by the blocked kernels; the channels that fill up the last block are cut off again. */
function blockedConv(node: Node, context: LoweringContext, conv: BlockedConv): void {
  const { builder } = context;
  const channels = node.shape[1]!;
  const [filled, , kh, kw] = conv.weightShape as [number, number, number, number];
  const operands = [conv.input, conv.weight];
  if (conv.bias !== undefined) operands.push(padded(context, conv.bias, [0], [filled - channels]));
  const { stride: strides, padding: pads, dilation: dilations } = conv;
  const value = builder.node(
    'Conv',
    operands,
    { kernel_shape: [kh, kw], strides, pads, dilations, group: 1 },
    NCHWC,
  );
  if (filled === channels) context.setBlocked(node, value);
  else context.setPlain(node, builder.node('ReorderOutput', [value], { channels }, NCHWC));
}

const conv2d: Lowering = (node, context) => {
  const [x, w, bias] = node.inputs as [Node, Node, Node | undefined];
  const attrs = node.attrs as ConvAttrs;
  if (fitsBlocks(context, x.shape[1]!, attrs.groups)) {
    const [o, ...rest] = w.shape as [number, ...number[]];
    const filled = roundUp(o, context.block);
    const weight = padded(context, context.plain(w), [0, 0, 0, 0], [filled - o, 0, 0, 0]);
    blockedConv(node, context, {
      input: blockedInput(context, x),
      weight: blockedWeight(context, weight, [filled, ...rest]),
      weightShape: [filled, ...rest],
      ...(bias ? { bias: context.plain(bias) } : {}),
      stride: attrs.stride,
      padding: attrs.padding,
      dilation: attrs.dilation,
    });
    return;
  }
  const operands = node.inputs.map((input) => context.plain(input));
  context.setPlain(node, context.builder.node('Conv', operands, onnxAttributes(attrs)));
};

/** The weight turned around for the way back: [O, I, kh, kw] → [I, O, kh, kw], both window axes reversed. */
function turned(context: LoweringContext, weight: string): string {
  const { builder } = context;
  const end = -(2 ** 31);
  const flipped = builder.node('Slice', [
    weight,
    builder.ints([-1, -1]),
    builder.ints([end, end]),
    builder.ints([2, 3]),
    builder.ints([-1, -1]),
  ]);
  return context.transpose(flipped, [1, 0, 2, 3]);
}

/** A value in blocks with `stride` − 1 zeros after every element of its rows and columns. */
function spreadOut(context: LoweringContext, x: Node, [sh, sw]: readonly [number, number]): string {
  const { builder, block: b } = context;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const insert = (value: string, rows: number, width: number, stride: number): string => {
    if (stride === 1) return value;
    const zeros = builder.filled([rows, width * (stride - 1)], 0);
    return builder.node('Concat', [context.reshape(value, [rows, width]), zeros], { axis: 1 });
  };
  const wide = insert(context.blocked(x), (n * c * h * w) / b, b, sw);
  const tall = insert(wide, (n * c * h) / b, w * sw * b, sh);
  return context.reshape(tall, [n, c, h * sh, w * sw]);
}

/**
 * dLoss/dx: a convolution of the cotangent, spread out by the stride, with the weight turned around.
 */
const conv2dInputGradient: Lowering = (node, context) => {
  const [g, w] = node.inputs as [Node, Node];
  const attrs = node.attrs as ConvInputGradientAttrs;
  const [o, i, kh, kw] = w.shape as [number, number, number, number];
  const [h, wd] = attrs.inputSize as [number, number];
  const [sh, sw] = attrs.stride as [number, number];
  const [top, left] = attrs.padding as [number, number];
  const reach = [(kh - 1) * attrs.dilation[0]!, (kw - 1) * attrs.dilation[1]!] as const;
  const before = [reach[0] - top, reach[1] - left];
  // Output extent of a stride-1 convolution: size + before + after − reach = the input's extent.
  const after = [h - sh * g.shape[2]! + reach[0] - before[0]!, wd - sw * g.shape[3]! + reach[1] - before[1]!];
  const strided = sh * sw > 1;
  const fits = fitsBlocks(context, o, attrs.groups) && (!strided || context.canBlock(g.shape));
  if (fits && [...before, ...after].every((n) => n >= 0)) {
    const filled = roundUp(i, context.block);
    const weight = padded(context, context.plain(w), [0, 0, 0, 0], [0, filled - i, 0, 0]);
    blockedConv(node, context, {
      input: strided ? spreadOut(context, g, [sh, sw]) : blockedInput(context, g),
      weight: turnedWeight(context, weight, [o, filled, kh, kw]),
      weightShape: [filled, o, kh, kw],
      stride: [1, 1],
      padding: [...before, ...after],
      dilation: attrs.dilation,
    });
    return;
  }
  const extent = (axis: 0 | 1): number =>
    attrs.stride[axis]! * (g.shape[axis + 2]! - 1) +
    reach[axis] +
    1 -
    attrs.padding[axis]! -
    attrs.padding[axis + 2]!;
  const output_padding = [h - extent(0), wd - extent(1)];
  const operands = [context.plain(g), context.plain(w)];
  context.setPlain(
    node,
    context.builder.node('ConvTranspose', operands, {
      ...onnxAttributes(attrs),
      kernel_shape: [kh, kw],
      output_padding,
    }),
  );
};

export const convLowerings: Readonly<Record<string, Lowering>> = {
  conv2d,
  conv2dInputGradient,
  conv2dWeightGradient,
};
