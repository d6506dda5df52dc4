/**
 * Weights in the order in which kernels read them.
 *
 * They arrive as [O, C / groups, kh, kw], often at an odd offset of one large buffer of parameters. Copied once a
 * convolution to f32 [groups, tap rows, tap columns, channels summed over, channels of the output] they are read four
 * output channels at a time; the last axis is padded with zeros. The copy is small beside what is multiplied with it.
 */
import { type Emitter, type Operand } from '../kernel.ts';
import { type TapAxis } from './conv-taps.ts';
import { asF32, ceilDiv, countOf, gridOf, runOf, scratch } from './tiles.ts';

/** Sums over taps and channels, by groups, with weights of a convolution. */
export interface TapWeights {
  /** [O, C / groups, kh, kw] */
  readonly w: Operand;
  readonly kh: number;
  readonly kw: number;
  readonly groups: number;
  /** Of a group: channels summed over, and channels of the output. */
  readonly cIn: number;
  readonly cOut: number;
  /** The output's channels are the weight's second axis: an input gradient. */
  readonly transposed: boolean;
  readonly rows: TapAxis;
  readonly columns: TapAxis;
}

/** @param padded output channels of a group in the copy, at least `cOut` */
export function packWeights(emitter: Emitter, weights: TapWeights, padded: number): Operand {
  const { w, kh, kw, groups, cIn, cOut, transposed, rows, columns } = weights;
  const shape = [groups, rows.taps, columns.taps, cIn, padded];
  const packed = scratch(emitter, shape, 'packed weights');
  const total = countOf(shape);
  const invocations = emitter.capabilities.software ? 8 : 64;
  const grid = gridOf(ceilDiv(total, invocations), 1, 1);
  const [inStride, outStride] = transposed ? [cOut * kh * kw, kh * kw] : [kh * kw, cIn * kh * kw];
  const tap = (index: string, { kernelStart, kernelStep }: TapAxis): string =>
    `(${kernelStart}u + ${index} * ${kernelStep}u)`;
  emitter.emit({
    label: `pack weights ${shape.join('×')}`,
    body: `${runOf(grid)}
  let i = tile.x * ${invocations}u + lane;
  if (i >= ${total}u) { return; }
  let c_out = i % ${padded}u;
  let c_in = i / ${padded}u % ${cIn}u;
  let column = i / ${padded * cIn}u % ${columns.taps}u;
  let row = i / ${padded * cIn * columns.taps}u % ${rows.taps}u;
  let group_of = i / ${padded * cIn * columns.taps * rows.taps}u;
  let at = group_of * ${cIn * cOut * kh * kw}u + c_in * ${inStride}u + c_out * ${outStride}u
    + ${tap('row', rows)} * ${kw}u + ${tap('column', columns)};
  y[y_at() + i] = select(0f, ${asF32('w[w_at() + at]', w.value.dtype)}, c_out < ${cOut}u);
}`,
    reads: { w },
    writes: { y: packed },
    invocations,
    workgroups: grid.workgroups,
    flops: 0,
  });
  return packed;
}
