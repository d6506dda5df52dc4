/**
 * Convolutions as products of matrices that nobody writes down (implicit GEMM): rows are output channels, columns the
 * pixels of all images, k the taps and channels.
 */
import { type Emitter, type Operand } from '../kernel.ts';
import { packWeights } from './conv-pack.ts';
import { outputAt, tapFlops, tapLabel, type TapConv } from './conv-target.ts';
import { type Source } from './gemm-source.ts';
import { emitTiled, type Target } from './gemm-tiled.ts';
import { type Tiling } from './gemm-tilings.ts';
import { asF32, ceilDiv } from './tiles.ts';

export function emitConvTiled(emitter: Emitter, conv: TapConv, tiling: Tiling): void {
  const { n, groups, cIn, cOut, rows, columns, out, epilogue } = conv;
  const padded = ceilDiv(cOut, 4) * 4;
  const k = rows.taps * columns.taps * cIn;
  const pixels = rows.positions * columns.positions;
  const target: Target = {
    out,
    at: (z, row, column) =>
      outputAt(conv, {
        image: `${column} / ${pixels}u`,
        group: z,
        channel: row,
        row: `(${column} / ${columns.positions}u % ${rows.positions}u)`,
        column: `(${column} % ${columns.positions}u)`,
      }),
    vectors: false,
    ...(epilogue && { epilogue }),
  };
  emitTiled(
    emitter,
    {
      label: tapLabel(conv),
      m: cOut,
      n: n * pixels,
      k,
      batches: groups,
      a: weightSource(packWeights(emitter, conv, padded), k, padded),
      b: patchSource(conv, tiling.bk),
      target,
      flops: tapFlops(conv),
    },
    tiling,
  );
}

/** Packed weights: [groups, k, padded]. */
function weightSource(packed: Operand, k: number, padded: number): Source {
  return {
    reads: { packed },
    vectors: ['packed'],
    code: '',
    along: 'outer',
    width: 4,
    begin: '',
    slot: () => '',
    step: () => '',
    load: (outer, at) => `packed[packed_at() + (z * ${k}u + ${at}) * ${padded / 4}u + ${outer} / 4u]`,
  };
}

/** What the taps of a pixel read; k counts channels within taps. */
function patchSource({ x, n, groups, cIn, rows, columns }: TapConv, bk: number): Source {
  const area = rows.source * columns.source;
  const taps = (from: string, prefix: string): string => `let ${prefix}tap = ${from} / ${cIn}u;
    let ${prefix}dy = i32(${prefix}tap / ${columns.taps}u) * ${rows.step};
    let ${prefix}dx = i32(${prefix}tap % ${columns.taps}u) * ${columns.step};`;
  /** A slice of k lies within one tap: what follows from the tap is computed once a slice. */
  const aligned = cIn % bk === 0;
  return {
    reads: { x },
    vectors: [],
    code: `fn x_or_0(image: u32, row: i32, column: i32) -> f32 {
  let inside = u32(row) < ${rows.source}u && u32(column) < ${columns.source}u;
  let at = select(0u, image + u32(row) * ${columns.source}u + u32(column), inside);
  return select(0f, ${asF32('x[x_at() + at]', x.value.dtype)}, inside);
}
fn x_at_k(image: u32, row: i32, column: i32, k: u32) -> f32 {
  ${taps('k', '')}
  return x_or_0(image + k % ${cIn}u * ${area}u, row + dy, column + dx);
}`,
    along: 'outer',
    width: 1,
    begin: '',
    slot: (
      outer,
    ) => `let ${outer}_row = i32(${outer} / ${columns.positions}u % ${rows.positions}u * ${rows.stride}u) + ${rows.offset};
  let ${outer}_column = i32(${outer} % ${columns.positions}u * ${columns.stride}u) + ${columns.offset};
  let ${outer}_image = (min(${outer} / ${rows.positions * columns.positions}u, ${n - 1}u) * ${groups}u + z) * ${cIn * area}u;`,
    step: (k0) => (aligned ? `${taps(k0, 'b_')}\n    let b_c = ${k0} % ${cIn}u - ${k0};` : ''),
    load: (outer, at) =>
      aligned
        ? `x_or_0(${outer}_image + (${at} + b_c) * ${area}u, ${outer}_row + b_dy, ${outer}_column + b_dx)`
        : `x_at_k(${outer}_image, ${outer}_row, ${outer}_column, ${at})`,
  };
}
