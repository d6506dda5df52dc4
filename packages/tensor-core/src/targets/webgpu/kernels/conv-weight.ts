/** The weight gradient of a convolution: what is computed, apart from how. */
import { type Epilogue, type Operand } from '../kernel.ts';
import { type ConvShape } from './conv-taps.ts';

export interface ConvWeightGradientSpec extends ConvShape {
  /** [n, c, h, width], f32 or f16. */
  readonly x: Operand;
  /** dLoss/dy [n, o, outH, outW] */
  readonly g: Operand;
  /** [o, c / groups, kh, kw] */
  readonly out: Operand;
  readonly epilogue?: Epilogue;
}

export function weightLabel({ n, c, o, kh, kw, outH, outW, attrs: { groups } }: ConvShape): string {
  const grouped = groups === 1 ? '' : ` in ${groups} groups`;
  return `conv2d weight gradient ${n}×${c}→${o}×${outH}×${outW}, ${kh}×${kw}${grouped}`;
}

export function weightFlops({ n, c, o, kh, kw, outH, outW, attrs: { groups } }: ConvShape): number {
  return 2 * n * (c / groups) * o * kh * kw * outH * outW;
}

/** Elements of the gradient. */
export function weightSize({ c, o, kh, kw, attrs: { groups } }: ConvShape): number {
  return o * (c / groups) * kh * kw;
}
