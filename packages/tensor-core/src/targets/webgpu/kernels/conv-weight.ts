/** The weight gradient of a convolution: what is computed, apart from how. */
import { type Emitter, type Epilogue, type Operand } from '../kernel.ts';
import { type ConvShape } from './conv-taps.ts';
import { emitPartSums } from './gemm-parts.ts';

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

/** Emits the sum of parts of the gradient. @param sums [parts, elements of the gradient], f32 */
export function emitWeightSum(
  emitter: Emitter,
  spec: ConvWeightGradientSpec,
  sums: Operand,
  parts: number,
): void {
  const { out, epilogue } = spec;
  const target = { out, at: (_z: string, _row: string, column: string) => column, vectors: false };
  emitPartSums(emitter, {
    label: weightLabel(spec),
    sums,
    parts,
    batches: 1,
    m: 1,
    n: out.size,
    target: epilogue ? { ...target, epilogue } : target,
  });
}
