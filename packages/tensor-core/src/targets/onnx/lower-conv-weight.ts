/**
 * The gradient of a convolution's weight as ONNX.
 *
 * dw[o, c, i, j] = Σ over n, y, x of g[n, o, y, x] · x[n, c, s·y + i, s·x + j] is itself a convolution over the image,
 * with g as the kernel. In blocks, the blocks of x's channels are its samples and the images of the batch its channels;
 * the width axis holds (x, b channels), and with a dilation of s·b along it the output runs over (i, (j, c)). So every
 * column of the result is one entry of dw, and no element of x is copied for a window. About three times as fast as the
 * matrix product of unrolled windows.
 */
import { type Node } from '../../graph/node.ts';
import { type ConvWeightGradientAttrs } from '../../ops/index.ts';
import { padded, roundUp } from './blocked.ts';
import { NCHWC } from './builder.ts';
import { type Lowering, type LoweringContext } from './context.ts';

/** `x` in blocks, with channels of zeros up to a whole block. */
function filledBlocks(context: LoweringContext, x: Node, channels: number): string {
  const missing = channels - x.shape[1]!;
  if (missing === 0) return context.blocked(x);
  const filled = padded(context, context.plain(x), [0, 0, 0, 0], [0, missing, 0, 0]);
  return context.builder.node('ReorderInput', [filled], {}, NCHWC);
}

/** Images that share an output: the largest power of two that divides the batch and fits half a block. */
function imagesPerGroup(n: number, block: number): number {
  let images = block / 2;
  while (n % images !== 0) images /= 2;
  return images;
}

interface Extents {
  /** zero rows above and below, zero columns left and right, that the windows read */
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

function inBlocks(node: Node, context: LoweringContext, { top, bottom, left, right }: Extents): void {
  const { builder, block: b } = context;
  const [x, g] = node.inputs as [Node, Node];
  const { stride, kernelSize } = node.attrs as ConvWeightGradientAttrs;
  const [n, , h, w] = x.shape as [number, number, number, number];
  const [, , gh, gw] = g.shape as [number, number, number, number];
  const [o, c] = node.shape as [number, number];
  const [kh, kw] = kernelSize as [number, number];
  const [filledC, filledO] = [roundUp(c, b), roundUp(o, b)];
  const [blocksC, blocksO, taps, width] = [filledC / b, filledO / b, kh * kw, left + w + right];
  const images = imagesPerGroup(n, b);

  // x as [C/b, N, H, (left + W + right) · b]
  const rows = context.reshape(filledBlocks(context, x, filledC), [n * blocksC * h, w * b]);
  const zeros = (columns: number): string[] =>
    columns > 0 ? [builder.filled([n * blocksC * h, columns * b], 0)] : [];
  const parts = [...zeros(left), rows, ...zeros(right)];
  const wide = parts.length === 1 ? rows : builder.node('Concat', parts, { axis: 1 });
  const byBlock =
    blocksC === 1 ? wide : context.transpose(context.reshape(wide, [n, blocksC, h * width * b]), [1, 0, 2]);

  // g as the kernels [N/images · O, images, gh, gw], in the order that the kernel for plain input reads
  const cotangent = filledBlocks(context, g, filledO);
  const grouped =
    images === 1 || blocksO === 1
      ? cotangent
      : context.transpose(
          context.reshape(cotangent, [n / images, images, blocksO, gh * gw * b]),
          [0, 2, 1, 3],
        );

  const partial = builder.node(
    'Conv',
    [
      context.reshape(byBlock, [blocksC, n, h, width * b]),
      context.reshape(grouped, [(n / images) * filledO, images, gh, gw]),
    ],
    {
      kernel_shape: [gh, gw],
      dilations: [stride[0]!, stride[1]! * b],
      strides: [1, 1],
      pads: [top, 0, bottom, 0],
      group: n / images,
    },
    NCHWC,
  );
  const perGroup = context.reshape(partial, [blocksC, n / images, filledO * taps * b]);
  const sum =
    n === images ? perGroup : builder.node('ReduceSum', [perGroup, builder.ints([1])], { keepdims: 0 });
  const byOutput = context.transpose(context.reshape(sum, [blocksC, blocksO, taps, b, b]), [1, 0, 3, 2, 4]);
  const view = context.reshape(byOutput, [blocksO, b, filledC * taps, 1]);
  const plain = builder.node('ReorderOutput', [view], { channels: b }, NCHWC);
  const gradient = context.reshape(plain, [filledO, filledC, kh, kw]);
  const exact =
    filledO === o && filledC === c
      ? gradient
      : builder.node('Slice', [gradient, builder.ints([0, 0]), builder.ints([o, c]), builder.ints([0, 1])]);
  context.setPlain(node, exact);
}

/** The zeros around the image, or undefined where the blocked form does not fit. */
function fits(context: LoweringContext, node: Node): Extents | undefined {
  const { block: b } = context;
  const { groups, dilation, stride, padding, kernelSize } = node.attrs as ConvWeightGradientAttrs;
  const [x, g] = node.inputs as [Node, Node];
  const [n, , h, w] = x.shape as [number, number, number, number];
  // The kernels take fewer images than a block, or whole blocks of them.
  if (b === 0 || n === 0 || (n > b && n % b !== 0) || groups !== 1 || dilation.some((d) => d !== 1))
    return undefined;
  const [top, left] = padding as [number, number];
  const bottom = stride[0]! * (g.shape[2]! - 1) + kernelSize[0]! - h - top;
  const right = stride[1]! * (g.shape[3]! - 1) + kernelSize[1]! - w - left;
  return bottom < 0 || right < 0 ? undefined : { top, bottom, left, right };
}

/** The weight's gradient; in plain layout a convolution of x with g where samples are the channels. */
export const conv2dWeightGradient: Lowering = (node, context) => {
  const { builder } = context;
  const extents = fits(context, node);
  if (extents) {
    inBlocks(node, context, extents);
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
