/**
 * The gradient of a convolution's weight as ONNX.
 *
 * dw[o, c, i, j] = Σ over n, y, x of g[n, o, y, x] · x[n, c, s·y + i, s·x + j] is itself a convolution over the image,
 * with g as the kernel. In blocks it runs with b samples as the channels of a block: the width axis holds (x, c), and
 * with a dilation of s·C along it the output runs over (i, (j, c)), so every column is one entry of dw and no element
 * of x is copied for a window. About three times as fast as the matrix product of unrolled windows.
 */
import { type Node } from '../../graph/node.ts';
import { type ConvWeightGradientAttrs } from '../../ops/index.ts';
import { padded, roundUp } from './blocked.ts';
import { NCHWC } from './builder.ts';
import { type Lowering, type LoweringContext } from './context.ts';

/** Pixels of the kernel (an image of g) that stay in the processor's cache; larger images are taken in bands of rows. */
const BAND_PIXELS = 256;

interface Extents {
  readonly n: number;
  readonly c: number;
  readonly h: number;
  readonly w: number;
  /** output channels, filled up to whole blocks */
  readonly filled: number;
  readonly gh: number;
  readonly gw: number;
  readonly kh: number;
  readonly kw: number;
  readonly stride: readonly [number, number];
  /** zero rows above, zero columns left and right, that the windows read */
  readonly top: number;
  readonly left: number;
  readonly right: number;
}

/**
 * x as [N/b, H, (left + W + right) · C, b samples], with zero columns but without the zero rows, as the blocks of
 * [1, N, H, (left + W + right) · C].
 */
function samplesAsChannels(context: LoweringContext, x: Node, e: Extents): string {
  const { builder, block: b } = context;
  const { n, c, h, w, left, right } = e;
  const width = (left + w + right) * c;
  if (!context.isBlocked(x) || c % b !== 0) {
    const channelsLast = context.transpose(context.plain(x), [0, 2, 3, 1]);
    const wide = padded(context, channelsLast, [0, 0, left, 0], [0, 0, right, 0]);
    return builder.node('ReorderInput', [context.reshape(wide, [1, n, h, width])], {}, NCHWC);
  }
  const samples = builder.node(
    'ReorderInput',
    [context.reshape(context.blocked(x), [1, n, c * h * w, 1])],
    {},
    NCHWC,
  );
  const pixels = context.transpose(context.reshape(samples, [n / b, c / b, h * w, b * b]), [0, 2, 1, 3]);
  const rows = context.reshape(pixels, [(n / b) * h, w * c * b]);
  const zeros = (columns: number): string[] =>
    columns > 0 ? [builder.filled([(n / b) * h, columns * c * b], 0)] : [];
  const parts = [...zeros(left), rows, ...zeros(right)];
  const wide = parts.length === 1 ? rows : builder.node('Concat', parts, { axis: 1 });
  return context.reshape(wide, [1, n, h, width]);
}

/** g as kernels: [N/b · O/b, gh · gw, b samples, b of O]. */
function cotangentAsKernels(context: LoweringContext, g: Node, { n, filled, gh, gw }: Extents): string {
  const { builder, block: b } = context;
  const o = g.shape[1]!;
  const blocks =
    filled === o
      ? context.blocked(g)
      : builder.node(
          'ReorderInput',
          [padded(context, context.plain(g), [0, 0, 0, 0], [0, filled - o, 0, 0])],
          {},
          NCHWC,
        );
  const samples = builder.node(
    'ReorderInput',
    [context.reshape(blocks, [1, n, filled * gh * gw, 1])],
    {},
    NCHWC,
  );
  const view = context.reshape(samples, [(n / b) * (filled / b) * gh * gw, b, b, 1]);
  return builder.node('ReorderOutput', [view], { channels: b }, NCHWC);
}

/** How many bands of rows g is taken in: a divisor of its height. */
function bandCount({ gh, gw }: Extents): number {
  for (let bands = Math.max(1, Math.round((gh * gw) / BAND_PIXELS)); bands > 1; bands--) {
    if (gh % bands === 0) return bands;
  }
  return 1;
}

/** Σ over blocks of samples of the convolutions of x with g: [N/b, O/b, kh, kw, C, b] before the sum. */
function convolve(context: LoweringContext, samples: string, kernels: string, e: Extents): string {
  const { builder, block: b } = context;
  const { n, c, h, w, filled, gh, gw, kh, stride, top, left, right } = e;
  const width = (left + w + right) * c;
  const bands = bandCount(e);
  const rows = gh / bands;
  const attributes = { dilations: [stride[0], stride[1] * c], strides: [1, 1], group: n / b };
  let sum: string | undefined;
  for (let band = 0; band < bands; band++) {
    // Rows of the padded image that this band's windows read, and where they lie in x.
    const from = band * rows * stride[0] - top;
    const to = from + (rows - 1) * stride[0] + kh;
    const begin = Math.max(0, from);
    const end = Math.min(h, to);
    const cut = (value: string, first: number, last: number, extent: number): string =>
      first === 0 && last === extent
        ? value
        : builder.node('Slice', [value, builder.ints([first]), builder.ints([last]), builder.ints([1])]);
    const image = cut(context.reshape(samples, [n / b, h, width * b]), begin, end, h);
    const kernel = cut(
      context.reshape(kernels, [(n / b) * (filled / b), gh, gw * b * b]),
      band * rows,
      (band + 1) * rows,
      gh,
    );
    const operands = [
      context.reshape(image, [1, n, end - begin, width]),
      context.reshape(kernel, [(n / b) * filled, b, rows, gw]),
      ...(sum === undefined ? [] : ['', sum]),
    ];
    const pads = [begin - from, 0, to - end, 0];
    sum = builder.node('Conv', operands, { ...attributes, kernel_shape: [rows, gw], pads }, NCHWC);
  }
  return sum!;
}

function bySamples(node: Node, context: LoweringContext, e: Extents): void {
  const { builder, block: b } = context;
  const [x, g] = node.inputs as [Node, Node];
  const { n, c, filled, kh, kw } = e;
  const taps = kh * kw;
  const parts = convolve(context, samplesAsChannels(context, x, e), cotangentAsKernels(context, g, e), e);
  const perBlock = context.reshape(parts, [n / b, filled * taps * c]);
  const sum = n === b ? perBlock : builder.node('ReduceSum', [perBlock, builder.ints([0])], { keepdims: 0 });
  const byChannel = context.transpose(context.reshape(sum, [filled / b, taps, c, b]), [0, 2, 1, 3]);
  const view = context.reshape(byChannel, [filled / b, b, c * taps, 1]);
  const gradient = context.reshape(builder.node('ReorderOutput', [view], { channels: b }, NCHWC), [
    filled,
    c,
    kh,
    kw,
  ]);
  const o = node.shape[0]!;
  context.setPlain(
    node,
    filled === o
      ? gradient
      : builder.node('Slice', [gradient, builder.ints([0]), builder.ints([o]), builder.ints([0])]),
  );
}

/** The extents of a gradient that the blocked form computes, or undefined where it does not fit. */
function fits(context: LoweringContext, node: Node): Extents | undefined {
  const { block: b } = context;
  const attrs = node.attrs as ConvWeightGradientAttrs;
  const [x, g] = node.inputs as [Node, Node];
  const [n, c, h, w] = x.shape as [number, number, number, number];
  if (b === 0 || n % b !== 0 || n === 0 || attrs.groups !== 1 || attrs.dilation.some((d) => d !== 1))
    return undefined;
  const [, o, gh, gw] = g.shape as [number, number, number, number];
  const [kh, kw] = attrs.kernelSize as [number, number];
  const stride = attrs.stride as readonly [number, number];
  const [top, left] = attrs.padding as [number, number];
  const bottom = stride[0] * (gh - 1) + kh - h - top;
  const right = stride[1] * (gw - 1) + kw - w - left;
  if (bottom < 0 || right < 0) return undefined;
  return { n, c, h, w, filled: roundUp(o, b), gh, gw, kh, kw, stride, top, left, right };
}

/** The weight's gradient; in plain layout a convolution of x with g where samples are the channels. */
export const conv2dWeightGradient: Lowering = (node, context) => {
  const { builder } = context;
  const blocked = fits(context, node);
  if (blocked) {
    bySamples(node, context, blocked);
    return;
  }
  const [x, g] = node.inputs as [Node, Node];
  const attrs = node.attrs as ConvWeightGradientAttrs;
  const [o, c] = node.shape as [number, number];
  const one = (xs: string, gs: string): string => {
    const swapped = builder.node(
      'Conv',
      [context.transpose(xs, [1, 0, 2, 3]), context.transpose(gs, [1, 0, 2, 3])],
      {
        kernel_shape: g.shape.slice(2),
        dilations: attrs.stride,
        strides: attrs.dilation,
        pads: attrs.padding,
      },
    );
    const cut = builder.node('Slice', [
      swapped,
      builder.ints([0, 0]),
      builder.ints(attrs.kernelSize),
      builder.ints([2, 3]),
    ]);
    return context.transpose(cut, [1, 0, 2, 3]);
  };
  const part = (value: string, size: number, k: number): string =>
    attrs.groups === 1
      ? value
      : builder.node('Slice', [
          value,
          builder.ints([k * size]),
          builder.ints([(k + 1) * size]),
          builder.ints([1]),
        ]);
  const groups = Array.from({ length: attrs.groups }, (_, k) =>
    one(part(context.plain(x), c, k), part(context.plain(g), o / attrs.groups, k)),
  );
  context.setPlain(node, groups.length === 1 ? groups[0]! : builder.node('Concat', groups, { axis: 0 }));
};
