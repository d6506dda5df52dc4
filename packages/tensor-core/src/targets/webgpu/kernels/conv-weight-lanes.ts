/**
 * Weight gradients for adapters that the CPU plays (see gemm-lanes.ts): lanes lie along the output channels.
 *
 * dLoss/dy is first copied to [groups, n, outH, columns, channels], so that lanes read neighbours. What the taps read of
 * x is the same for all lanes, and neighbouring pixels share most of it. A lane keeps the sums of some taps of some input
 * channels for its output channels.
 */
import { type Emitter, type Operand } from '../kernel.ts';
import {
  type ConvWeightGradientSpec,
  emitWeightSum,
  weightFlops,
  weightLabel,
  weightSize,
} from './conv-weight.ts';
import { asF32, ceilDiv, countOf, gridOf, lines, runOf, scratch } from './tiles.ts';

const LANES = 8;

/** Pixels whose reads stand together. */
const DEPTH = 4;

/** Sums of a lane, in vectors. */
const MOST_SUMS = 9;

/** Taps of a kernel's row that a lane takes at once. */
const MOST_COLUMNS = 5;

/** Workgroups that keep a CPU's cores busy. */
const BUSY = 32;

/** Pixels that are added one after the other, at most: rounding grows with them. */
const LONGEST_SUM = 4096;

/** What a lane sums. */
export interface WeightBlock {
  /** Output channels. */
  readonly width: 1 | 2 | 4;
  /** Input channels. */
  readonly channels: number;
  /** Taps. */
  readonly rows: number;
  readonly columns: number;
}

/** `extent` in equal parts of at most `most`: how long they are. */
function part(extent: number, most: number): number {
  return ceilDiv(extent, ceilDiv(extent, most));
}

/** Blocks for a shape, the sane one first. */
export function weightBlocks({ c, o, kh, kw, attrs: { groups } }: ConvWeightGradientSpec): WeightBlock[] {
  const columns = part(kw, MOST_COLUMNS);
  const rows = part(kh, Math.max(1, Math.floor(MOST_SUMS / columns)));
  const channels = Math.min(c / groups, Math.max(1, Math.floor(MOST_SUMS / (rows * columns))));
  const waste = (width: number): number =>
    (ceilDiv(o / groups, LANES * width) * LANES * width) / (o / groups);
  const width = ([4, 2] as const).find((w) => waste(w) <= 1.34) ?? 1;
  const blocks: WeightBlock[] = [{ width, channels, rows, columns }];
  if (width > 1) blocks.push({ width: width === 4 ? 2 : 1, channels, rows, columns });
  if (rows > 1) blocks.push({ width, channels: Math.min(c / groups, 2), rows: 1, columns });
  return blocks;
}

export function emitConvWeightLanes(
  emitter: Emitter,
  spec: ConvWeightGradientSpec,
  block: WeightBlock,
): void {
  const { x, n, c, h, width, o, kh, kw, outH, outW, attrs } = spec;
  const { stride, dilation, padding, groups } = attrs;
  const [cIn, cOut] = [c / groups, o / groups];
  const across = ceilDiv(cOut, LANES * block.width);
  const turned = turnGradient(emitter, spec, across * LANES * block.width);
  const channelBlocks = ceilDiv(cIn, block.channels);
  const rowBlocks = ceilDiv(kh, block.rows);
  const columnBlocks = ceilDiv(kw, block.columns);
  const taps = channelBlocks * rowBlocks * columnBlocks;
  const total = weightSize(spec);
  const lineCount = n * outH;
  const parts = Math.min(
    lineCount,
    Math.max(ceilDiv(BUSY, across * taps * groups), ceilDiv(lineCount * outW, LONGEST_SUM)),
  );
  const chunk = ceilDiv(lineCount, parts);
  const filled = ceilDiv(lineCount, chunk);
  const sums = scratch(emitter, [filled, total], `${weightLabel(spec)}, in parts`);
  const grid = gridOf(across, taps * groups, filled);
  const type = block.width === 1 ? 'f32' : `vec${block.width}f`;

  const channels = range(block.channels);
  const rows = range(block.rows);
  const columns = range(block.columns);
  const offsets = [
    ...new Set(columns.flatMap((b) => range(DEPTH).map((j) => j * stride[1]! + b * dilation[1]!))),
  ];
  const sumOf = (i: number, a: number, b: number): string => `sum_${i}_${a}_${b}`;
  const all = (f: (i: number, a: number, b: number) => string): string =>
    channels.flatMap((i) => rows.flatMap((a) => columns.map((b) => f(i, a, b)))).join('\n');
  const read = (i: number, a: number): string =>
    lines(offsets.length, (d) => {
      const element = asF32(
        `x[x_at() + select(0u, line_${i}_${a} + u32(from_column + ${offsets[d]}), in_${a}_${d})]`,
        x.value.dtype,
      );
      return `let x_${i}_${a}_${d} = select(0f, ${element}, in_${a}_${d});`;
    });
  const value = (i: number, a: number, b: number, j: number): string =>
    `x_${i}_${a}_${offsets.indexOf(j * stride[1]! + b * dilation[1]!)}`;
  const last = (size: number, of: number, name: string, i: number): string[] =>
    size % of === 0 ? [] : [`${name} + ${i}u < ${size}u`];

  emitter.emit({
    label: weightLabel(spec),
    body: `${runOf(grid)}
  let group_of = tile.y / ${taps}u;
  let channel0 = tile.y % ${channelBlocks}u * ${block.channels}u;
  let row0 = tile.y / ${channelBlocks}u % ${rowBlocks}u * ${block.rows}u;
  let column0 = tile.y / ${channelBlocks * rowBlocks}u % ${columnBlocks}u * ${block.columns}u;
  let last_line = min((tile.z + 1u) * ${chunk}u, ${lineCount}u);
  ${all((i, a, b) => `var ${sumOf(i, a, b)} = ${type}();`)}
  for (var line = tile.z * ${chunk}u; line < last_line; line++) {
    let image = line / ${outH}u;
    ${lines(
      block.rows,
      (
        a,
      ) => `let row_${a} = i32(line % ${outH}u * ${stride[0]}u + (row0 + ${a}u) * ${dilation[0]}u) - ${padding[0]};
    let in_${a} = u32(row_${a}) < ${h}u;
    ${lines(block.channels, (i) => `let line_${i}_${a} = ((image * ${c}u + group_of * ${cIn}u + min(channel0 + ${i}u, ${cIn - 1}u)) * ${h}u + u32(row_${a})) * ${width}u;`)}`,
    )}
    for (var pixel = 0u; pixel < ${outW}u; pixel += ${DEPTH}u) {
      let from_column = i32(pixel * ${stride[1]}u + column0 * ${dilation[1]}u) - ${padding[1]};
      ${lines(offsets.length, (d) => `let in_column_${d} = u32(from_column + ${offsets[d]}) < ${width}u;`)}
      ${rows.map((a) => lines(offsets.length, (d) => `let in_${a}_${d} = in_${a} && in_column_${d};`)).join('\n')}
      ${channels.map((i) => rows.map((a) => read(i, a)).join('\n')).join('\n')}
      let g_from = ((group_of * ${lineCount}u + line) * ${turned.columns}u + pixel) * ${across * LANES}u + tile.x * ${LANES}u + lane;
      ${lines(
        DEPTH,
        (j) => `let g_${j} = ${gradientAt(`g_from + ${j * across * LANES}u`, block.width)};
      ${all((i, a, b) => `${sumOf(i, a, b)} = fma(${type}(${value(i, a, b, j)}), g_${j}, ${sumOf(i, a, b)});`)}`,
      )}
    }
  }
  ${lines(
    block.width,
    (v) => `{ let channel_out = (tile.x * ${LANES}u + lane) * ${block.width}u + ${v}u;
  if (channel_out < ${cOut}u) {
    let at = sums_at() + tile.z * ${total}u + (group_of * ${cOut}u + channel_out) * ${cIn * kh * kw}u;
    ${all((i, a, b) => {
      const conditions = [
        ...last(cIn, block.channels, 'channel0', i),
        ...last(kh, block.rows, 'row0', a),
        ...last(kw, block.columns, 'column0', b),
      ];
      const element = block.width === 1 ? sumOf(i, a, b) : `${sumOf(i, a, b)}[${v}]`;
      const body = `sums[at + ((channel0 + ${i}u) * ${kh}u + row0 + ${a}u) * ${kw}u + column0 + ${b}u] = ${element};`;
      return conditions.length === 0 ? body : `if (${conditions.join(' && ')}) { ${body} }`;
    })}
  } }`,
  )}
}`,
    reads: { x, g: turned.g },
    writes: { sums },
    vectors: block.width === 4 ? ['g'] : [],
    invocations: LANES,
    workgroups: grid.workgroups,
    flops: weightFlops(spec),
  });
  emitWeightSum(emitter, spec, sums, filled);
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

/** A lane's output channels of the copied gradient. @param at in units of `width` */
function gradientAt(at: string, width: 1 | 2 | 4): string {
  if (width === 4) return `g[g_at() + ${at}]`;
  return width === 1 ? `g[g_at() + ${at}]` : `vec2f(g[g_at() + (${at}) * 2u], g[g_at() + (${at}) * 2u + 1u])`;
}

/** Emits dLoss/dy as [groups, n, outH, columns, padded], f32; columns to a multiple of DEPTH, zeros where padded. */
function turnGradient(
  emitter: Emitter,
  { g, n, o, outH, outW, attrs: { groups } }: ConvWeightGradientSpec,
  padded: number,
): { g: Operand; columns: number } {
  const columns = ceilDiv(outW, DEPTH) * DEPTH;
  const shape = [groups, n, outH, columns, padded];
  const turned = scratch(emitter, shape, 'dLoss/dy, channels last');
  const total = countOf(shape);
  const grid = gridOf(ceilDiv(total, LANES), 1, 1);
  const cOut = o / groups;
  emitter.emit({
    label: `channels last ${shape.join('×')}`,
    body: `${runOf(grid)}
  let i = tile.x * ${LANES}u + lane;
  if (i >= ${total}u) { return; }
  let channel = i % ${padded}u;
  let column = i / ${padded}u % ${columns}u;
  let row = i / ${padded * columns}u % ${outH}u;
  let image = i / ${padded * columns * outH}u % ${n}u;
  let group_of = i / ${padded * columns * outH * n}u;
  let inside = channel < ${cOut}u && column < ${outW}u;
  let at = ((image * ${o}u + group_of * ${cOut}u + channel) * ${outH}u + row) * ${outW}u + column;
  y[y_at() + i] = select(0f, ${asF32('g[g_at() + select(0u, at, inside)]', g.value.dtype)}, inside);
}`,
    reads: { g },
    writes: { y: turned },
    invocations: LANES,
    workgroups: grid.workgroups,
    flops: 0,
  });
  return { g: turned, columns };
}
