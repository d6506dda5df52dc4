/**
 * Passes over a value in blocks, by the blocked convolution kernels (see layout.ts).
 *
 * The memory of [N, C, H, W] in blocks is that of [1, N·C, 1, H·W] in blocks, so every sample's every channel can be a
 * channel of a depthwise convolution of its own.
 */
import { NCHWC } from './builder.ts';
import { type LoweringContext } from './context.ts';

type Shape4 = readonly [number, number, number, number];

/** Σ over H and W: [N · C], plain. */
export function sumBlocked(context: LoweringContext, value: string, shape: readonly number[]): string {
  const { builder, block: b } = context;
  const [n, c, h, w] = shape as Shape4;
  const view = context.reshape(value, [(n * c) / b, h * w, b]);
  return builder.node('ReduceSum', [view, builder.ints([1])], { keepdims: 0 });
}

/** Σ x · z over H and W: [1, N · C, 1, 1]. */
export function dotBlocked(context: LoweringContext, x: string, z: string, shape: readonly number[]): string {
  const [n, c, h, w] = shape as Shape4;
  const line = context.reshape(x, [1, n * c, 1, h * w]);
  const kernel = context.reshape(z, [n * c, 1, 1, h * w]);
  return context.builder.node('Conv', [line, kernel], { kernel_shape: [1, h * w], group: n * c }, NCHWC);
}

/**
 * x · scale + shift (+ plus) with one scale and one shift per sample and channel, N · C values each; `plus` is in
 * blocks.
 */
export function affineBlocked(
  context: LoweringContext,
  x: string,
  shape: readonly number[],
  { scale, shift, plus }: { scale: string; shift?: string | undefined; plus?: string | undefined },
): string {
  const { builder } = context;
  const [n, c, h, w] = shape as Shape4;
  const line = context.reshape(x, [1, n * c, 1, h * w]);
  const operands = [line, context.reshape(scale, [n * c, 1, 1, 1])];
  if (shift !== undefined) operands.push(context.reshape(shift, [n * c]));
  else if (plus !== undefined) operands.push('');
  if (plus !== undefined) operands.push(context.reshape(plus, [1, n * c, 1, h * w]));
  const value = builder.node('Conv', operands, { kernel_shape: [1, 1], group: n * c }, NCHWC);
  return context.reshape(value, shape);
}

export function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** `value` padded with zeros (cropped, where negative) by `before` and `after` elements per axis. */
export function padded(
  context: LoweringContext,
  value: string,
  before: readonly number[],
  after: readonly number[],
): string {
  if ([...before, ...after].every((n) => n === 0)) return value;
  return context.builder.node('Pad', [value, context.builder.ints([...before, ...after])]);
}
