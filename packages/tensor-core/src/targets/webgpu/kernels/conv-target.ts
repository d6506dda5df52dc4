/** A sum over taps: what it reads, what it writes, and where. */
import { type Epilogue, type Operand } from '../kernel.ts';
import { type TapWeights } from './conv-pack.ts';

/** out[image, channel, positions] = Σ over taps and channels of the source x [n, groups · cIn, rows, columns]. */
export interface TapConv extends TapWeights {
  readonly op: string;
  readonly x: Operand;
  readonly n: number;
  readonly out: Operand;
  readonly outH: number;
  readonly outW: number;
  readonly epilogue?: Epilogue;
}

/** u32 expressions: a group, a channel of it, and a position of both axes. */
export interface OutputIndex {
  readonly image: string;
  readonly group: string;
  readonly channel: string;
  readonly row: string;
  readonly column: string;
}

/** The u32 expression of an element's index in the output. */
export function outputAt(conv: TapConv, { image, group, channel, row, column }: OutputIndex): string {
  const { groups, cOut, outH, outW, rows, columns } = conv;
  const along = (position: string, { outStart, outStep }: TapConv['rows']): string =>
    `(${position}${outStep === 1 ? '' : ` * ${outStep}u`}${outStart === 0 ? '' : ` + ${outStart}u`})`;
  return `(((${image} * ${groups}u + ${group}) * ${cOut}u + ${channel}) * ${outH}u + ${along(row, rows)}) * ${outW}u + ${along(column, columns)}`;
}

export function tapLabel({ op, n, groups, cIn, cOut, rows, columns }: TapConv): string {
  const grouped = groups === 1 ? '' : ` in ${groups} groups`;
  return `${op} ${n}×${cIn * groups}→${cOut * groups}×${rows.positions}×${columns.positions}, ${rows.taps}×${columns.taps}${grouped}`;
}

export function tapFlops({ n, groups, cIn, cOut, rows, columns }: TapConv): number {
  return 2 * n * groups * cIn * cOut * rows.taps * columns.taps * rows.positions * columns.positions;
}
