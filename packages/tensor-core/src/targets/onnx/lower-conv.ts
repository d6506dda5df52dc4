/**
 * Convolution and its gradients as ONNX.
 *
 * ONNX Runtime's plain `Conv` unrolls its input for a matrix product. Its channel-blocked kernels (layout.ts) are
 * about twice as fast, and take weights that change from step to step once those are reordered inside the graph,
 * which costs nothing beside the convolution. What does not fit them falls back to `Conv` and `ConvTranspose`.
 */
import { type Node } from '../../graph/node.ts';
import { type ConvAttrs, type ConvInputGradientAttrs, type ConvWeightGradientAttrs } from '../../ops/index.ts';
import { NCHWC } from './builder.ts';
import { type Lowering, type LoweringContext } from './context.ts';

function onnxAttributes({ stride, padding, dilation, groups }: ConvAttrs): Record<string, number | readonly number[]> {
  return { strides: stride, pads: padding, dilations: dilation, group: groups };
}

/** The weight [O, I, kh, kw] in the order that the blocked kernels read: [O/b, I/b, kh, kw, b of I, b of O]. */
function blockedWeight(context: LoweringContext, weight: string, shape: readonly number[]): string {
  const [o, i, kh, kw] = shape as [number, number, number, number];
  const b = context.block;
  const parts = context.reshape(weight, [o / b, b, i / b, b, kh, kw]);
  return context.reshape(context.transpose(parts, [0, 2, 4, 5, 3, 1]), shape);
}

/** The weight as it is read with a plain input of fewer channels than a block: [O/b, I, kh, kw, b of O]. */
function narrowWeight(context: LoweringContext, weight: string, shape: readonly number[]): string {
  const [o, i, kh, kw] = shape as [number, number, number, number];
  const b = context.block;
  const parts = context.reshape(weight, [o / b, b, i, kh, kw]);
  return context.reshape(context.transpose(parts, [0, 2, 3, 4, 1]), shape);
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** `value` padded with zeros (or cropped, where negative) by `before` and `after` per axis. */
function padded(context: LoweringContext, value: string, before: readonly number[], after: readonly number[]): string {
  if ([...before, ...after].every((n) => n === 0)) return value;
  return context.builder.node('Pad', [value, context.builder.ints([...before, ...after])]);
}

interface BlockedConv {
  readonly input: Node;
  /** Plain [O, I, kh, kw]. */
  readonly weight: string;
  readonly weightShape: readonly number[];
  readonly bias?: string;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
}

/** True where the blocked kernels take the input as it is, or after one reorder. */
function fitsBlocks(context: LoweringContext, inputChannels: number, groups: number): boolean {
  return context.block > 0 && groups === 1 && (inputChannels < context.block || inputChannels % context.block === 0);
}

/** A convolution by the blocked kernels; output channels are filled up to whole blocks and cut off again. */
function blockedConv(node: Node, context: LoweringContext, conv: BlockedConv): void {
  const { builder } = context;
  const [o, i, kh, kw] = conv.weightShape as [number, number, number, number];
  const filled = roundUp(o, context.block);
  const weight = padded(context, conv.weight, [0, 0, 0, 0], [filled - o, 0, 0, 0]);
  const shape = [filled, i, kh, kw];
  const narrow = i < context.block;
  const operands = [
    narrow ? context.plain(conv.input) : context.blocked(conv.input),
    narrow ? narrowWeight(context, weight, shape) : blockedWeight(context, weight, shape),
  ];
  if (conv.bias !== undefined) operands.push(padded(context, conv.bias, [0], [filled - o]));
  const { stride: strides, padding: pads, dilation: dilations } = conv;
  const value = builder.node('Conv', operands, { kernel_shape: [kh, kw], strides, pads, dilations, group: 1 }, NCHWC);
  if (filled === o) context.setBlocked(node, value);
  else context.setPlain(node, builder.node('ReorderOutput', [value], { channels: o }, NCHWC));
}

const conv2d: Lowering = (node, context) => {
  const [x, w, bias] = node.inputs as [Node, Node, Node | undefined];
  const attrs = node.attrs as ConvAttrs;
  if (fitsBlocks(context, x.shape[1]!, attrs.groups)) {
    blockedConv(node, context, {
      input: x,
      weight: context.plain(w),
      weightShape: w.shape,
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

const conv2dInputGradient: Lowering = (node, context) => {
  const [g, w] = node.inputs as [Node, Node];
  const attrs = node.attrs as ConvInputGradientAttrs;
  const [o, i, kh, kw] = w.shape as [number, number, number, number];
  const [h, wd] = attrs.inputSize as [number, number];
  const [top, left] = attrs.padding as [number, number];
  const reach = [(kh - 1) * attrs.dilation[0]!, (kw - 1) * attrs.dilation[1]!] as const;
  const before = [reach[0] - top, reach[1] - left];
  // Output extent of a stride-1 convolution: size + before + after − reach = the input's extent.
  const after = [h - g.shape[2]! + reach[0] - before[0]!, wd - g.shape[3]! + reach[1] - before[1]!];
  const stride1 = attrs.stride.every((s) => s === 1);
  if (stride1 && [...before, ...after].every((n) => n >= 0) && fitsBlocks(context, o, attrs.groups)) {
    blockedConv(node, context, {
      input: g,
      weight: turned(context, context.plain(w)),
      weightShape: [i, o, kh, kw],
      stride: [1, 1],
      padding: [...before, ...after],
      dilation: attrs.dilation,
    });
    return;
  }
  const extent = (axis: 0 | 1): number =>
    attrs.stride[axis]! * (g.shape[axis + 2]! - 1) + reach[axis] + 1 - attrs.padding[axis]! - attrs.padding[axis + 2]!;
  const output_padding = [h - extent(0), wd - extent(1)];
  const operands = [context.plain(g), context.plain(w)];
  context.setPlain(
    node,
    context.builder.node('ConvTranspose', operands, { ...onnxAttributes(attrs), kernel_shape: [kh, kw], output_padding }),
  );
};

/**
 * The weight's gradient as one blocked convolution, with 16 samples as the channels of a block.
 *
 * dw[o, c, i, j] = Σ over n, y, x of g[n, o, y, x] · x[n, c, s·y + i, s·x + j] is a convolution over the image whose
 * kernel is g itself. With the width axis holding (x, c) and a dilation of s·C along it, its output runs over
 * (i, (j, c)): every column is one entry of dw, and no element of x is copied for a window.
 */
function weightGradientBySamples(node: Node, context: LoweringContext, attrs: ConvWeightGradientAttrs): void {
  const { builder, block: b } = context;
  const [x, g] = node.inputs as [Node, Node];
  const [n, c, h, wd] = x.shape as [number, number, number, number];
  const [, o, gh, gw] = g.shape as [number, number, number, number];
  const [kh, kw] = attrs.kernelSize as [number, number];
  const [sh, sw] = attrs.stride as [number, number];
  const [top, left] = attrs.padding as [number, number];
  // The extents that the windows read, no more and no less.
  const height = sh * (gh - 1) + kh;
  const width = sw * (gw - 1) + kw;
  const channelsLast = context.transpose(context.plain(x), [0, 2, 3, 1]);
  const exact = padded(context, channelsLast, [0, top, left, 0], [0, height - h - top, width - wd - left, 0]);
  const samplesBlocked = builder.node('ReorderInput', [context.reshape(exact, [1, n, height, width * c])], {}, NCHWC);
  const filled = roundUp(o, b);
  let cotangent: string;
  if (filled === o) cotangent = context.blocked(g);
  else {
    const whole = padded(context, context.plain(g), [0, 0, 0, 0], [0, filled - o, 0, 0]);
    cotangent = builder.node('ReorderInput', [whole], {}, NCHWC);
  }
  const split = context.reshape(cotangent, [n / b, b, filled / b, gh * gw, b]);
  const kernel = context.reshape(context.transpose(split, [0, 2, 3, 1, 4]), [(n / b) * filled, b, gh, gw]);
  const perBlock = builder.node(
    'Conv',
    [samplesBlocked, kernel],
    { kernel_shape: [gh, gw], dilations: [sh, sw * c], strides: [1, 1], pads: [0, 0, 0, 0], group: n / b },
    NCHWC,
  );
  const parts = context.reshape(perBlock, [n / b, filled / b, kh, kw, c, b]);
  const sum = n === b ? context.reshape(parts, [filled / b, kh, kw, c, b]) : builder.node('ReduceSum', [parts, builder.ints([0])], { keepdims: 0 });
  const gradient = context.reshape(context.transpose(sum, [0, 4, 3, 1, 2]), [filled, c, kh, kw]);
  context.setPlain(
    node,
    filled === o ? gradient : builder.node('Slice', [gradient, builder.ints([0]), builder.ints([o]), builder.ints([0])]),
  );
}

const conv2dWeightGradient: Lowering = (node, context) => {
  const { builder } = context;
  const [x, g] = node.inputs as [Node, Node];
  const attrs = node.attrs as ConvWeightGradientAttrs;
  const undilated = attrs.dilation.every((d) => d === 1);
  if (context.block > 0 && x.shape[0]! % context.block === 0 && attrs.groups === 1 && undilated) {
    weightGradientBySamples(node, context, attrs);
    return;
  }
  // A convolution of x with g as the kernel: samples are the channels, channels the samples.
  const [o, c] = node.shape as [number, number];
  const one = (xs: string, gs: string): string => {
    const swapped = builder.node('Conv', [context.transpose(xs, [1, 0, 2, 3]), context.transpose(gs, [1, 0, 2, 3])], {
      kernel_shape: g.shape.slice(2),
      dilations: attrs.stride,
      strides: attrs.dilation,
      pads: attrs.padding,
    });
    const cut = builder.node('Slice', [swapped, builder.ints([0, 0]), builder.ints(attrs.kernelSize), builder.ints([2, 3])]);
    return context.transpose(cut, [1, 0, 2, 3]);
  };
  const part = (value: string, size: number, k: number): string =>
    attrs.groups === 1
      ? value
      : builder.node('Slice', [value, builder.ints([k * size]), builder.ints([(k + 1) * size]), builder.ints([1])]);
  const groups = Array.from({ length: attrs.groups }, (_, k) =>
    one(part(context.plain(x), c, k), part(context.plain(g), o / attrs.groups, k)),
  );
  context.setPlain(node, groups.length === 1 ? groups[0]! : builder.node('Concat', groups, { axis: 0 }));
};

export const convLowerings: Readonly<Record<string, Lowering>> = { conv2d, conv2dInputGradient, conv2dWeightGradient };
