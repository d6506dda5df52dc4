/**
 * Convolutions without workgroup memory: each invocation keeps some output channels of a few neighbours in a row.
 *
 * Neighbours share most of what their taps read, so a row of the source is read once for all taps of a kernel's row.
 * Weights are the same for a whole workgroup. For adapters that the CPU plays this is the way (see gemm-lanes.ts); on
 * GPUs it serves depthwise and other thin groups, whose tiles would be mostly empty.
 */
import { type Emitter } from '../kernel.ts';
import { packWeights, type TapWeights } from './conv-pack.ts';
import { staysInside } from './conv-taps.ts';
import { outputAt, tapFlops, tapLabel, type TapConv } from './conv-target.ts';
import { asF32, ceilDiv, gridOf, lines, list, runOf, Store } from './tiles.ts';

/** Taps of a kernel's row whose sources stand in registers together. */
const MOST_TAPS = 5;

export interface LaneShape {
  /** Output channels of an invocation: 1, 2, 4 or 8. */
  readonly rows: number;
  /** Neighbours of an invocation. */
  readonly width: 1 | 2 | 4;
  readonly invocations: number;
}

/** Shapes for a convolution, the sane one first. */
export function convLaneShapes({ cOut, columns }: TapWeights, software: boolean): LaneShape[] {
  const invocations = software ? 8 : 64;
  const width = columns.positions >= 4 || columns.positions === 3 ? 4 : columns.positions === 2 ? 2 : 1;
  const rows = cOut >= 3 ? 4 : cOut;
  const shapes: LaneShape[] = [{ rows, width, invocations }];
  if (cOut >= 8) shapes.push({ rows: 8, width, invocations });
  if (cOut >= 8 && width === 4) shapes.push({ rows: 8, width: 2, invocations });
  return shapes;
}

export function emitConvLanes(emitter: Emitter, conv: TapConv, shape: LaneShape): void {
  const { x, n, groups, cIn, cOut, rows: vertical, columns: horizontal, out } = conv;
  const { rows, width, invocations } = shape;
  const blocks = ceilDiv(cOut, rows);
  const isEmpty = vertical.taps * horizontal.taps === 0;
  const sources = isEmpty ? undefined : { x, packed: packWeights(emitter, conv, blocks * rows) };
  const across = ceilDiv(horizontal.positions, width);
  const total = n * vertical.positions * across;
  const grid = gridOf(blocks, ceilDiv(total, invocations), groups);
  const store = new Store(out, conv.epilogue);
  const type = width === 1 ? 'f32' : `vec${width}f`;
  const area = vertical.source * horizontal.source;
  const insideRows = staysInside(vertical, vertical.positions);
  const insideColumns = staysInside(horizontal, across * width);
  const vectors = rows % 4 === 0;

  /** Adds the taps `first` to `last` - 1 of a kernel's row. */
  const addTaps = (first: number, last: number): string => {
    const taps = Array.from({ length: last - first }, (_, i) => first + i);
    const columnOf = (tap: number, j: number): number =>
      j * horizontal.stride + horizontal.offset + tap * horizontal.step;
    const columns = [
      ...new Set(taps.flatMap((tap) => Array.from({ length: width }, (_, j) => columnOf(tap, j)))),
    ];
    const slot = (tap: number, j: number): number => columns.indexOf(columnOf(tap, j));
    const conditions = (d: number): string[] => [
      ...(insideRows ? [] : ['row_inside']),
      ...(insideColumns ? [] : [`u32(x0 + ${columns[d]}) < ${horizontal.source}u`]),
    ];
    const guarded = !insideRows || !insideColumns;
    const element = (d: number): string => asF32(`x[x_at() + at${d} + c * ${area}u]`, x.value.dtype);
    const weight = (tap: number, r: number): string =>
      vectors ? `w${tap}_${r >> 2}[${r & 3}]` : `w${tap}_${r}`;
    return `{
    ${lines(columns.length, (d) =>
      guarded
        ? `let in${d} = ${conditions(d).join(' && ')};
    let at${d} = select(0u, line + u32(x0 + ${columns[d]}), in${d});`
        : `let at${d} = line + u32(x0 + ${columns[d]});`,
    )}
    for (var c = 0u; c < ${cIn}u; c++) {
      ${lines(columns.length, (d) => `let x${d} = ${guarded ? `select(0f, ${element(d)}, in${d})` : element(d)};`)}
      ${taps
        .map(
          (
            tap,
          ) => `let at_w${tap} = (taps_from + ${tap}u) * ${cIn * blocks * rows}u + c * ${blocks * rows}u + first_row;
      ${lines(vectors ? rows / 4 : rows, (q) => `let w${tap}_${q} = ${vectors ? `packed[packed_at() + at_w${tap} / 4u + ${q}u]` : `packed[packed_at() + at_w${tap} + ${q}u]`};`)}
      let v${tap} = ${type}(${list(width, (j) => `x${slot(tap, j)}`)});
      ${lines(rows, (r) => `sum${r} = fma(${type}(${weight(tap, r)}), v${tap}, sum${r});`)}`,
        )
        .join('\n')}
    }
  }`;
  };
  const chunks: string[] = [];
  for (let tap = 0; tap < horizontal.taps; tap += MOST_TAPS) {
    chunks.push(addTaps(tap, Math.min(tap + MOST_TAPS, horizontal.taps)));
  }
  const storeOne = (r: number, j: number): string => {
    const v = width === 1 ? `sum${r}` : `sum${r}[${j}]`;
    const body = `{ let at = ${outputAt(conv, { image: 'image', group: 'tile.z', channel: `first_row + ${r}u`, row: 'row', column: `(block * ${width}u + ${j}u)` })}; ${store.scalar(v, 'at')} }`;
    return horizontal.positions % width === 0 || j === 0
      ? body
      : `if (block * ${width}u + ${j}u < ${horizontal.positions}u) ${body}`;
  };

  const addAll = `for (var tap_row = 0u; tap_row < ${vertical.taps}u; tap_row++) {
    let y_in = y0 + ${vertical.offset} + i32(tap_row) * ${vertical.step};
    ${insideRows ? '' : `let row_inside = u32(y_in) < ${vertical.source}u;`}
    let line = image_from + u32(y_in) * ${horizontal.source}u;
    let taps_from = (tile.z * ${vertical.taps}u + tap_row) * ${horizontal.taps}u;
    ${chunks.join('\n    ')}
  }`;

  emitter.emit({
    label: tapLabel(conv),
    body: `${store.code}
${runOf(grid)}
  let index = tile.y * ${invocations}u + lane;
  let within = ${total % invocations === 0 ? 'index' : `min(index, ${total - 1}u)`};
  let block = within % ${across}u;
  let row = within / ${across}u % ${vertical.positions}u;
  let image = within / ${across * vertical.positions}u;
  let first_row = tile.x * ${rows}u;
  let x0 = i32(block * ${width * horizontal.stride}u);
  let y0 = i32(row * ${vertical.stride}u);
  let image_from = (image * ${groups}u + tile.z) * ${cIn * area}u;
  ${lines(rows, (r) => `var sum${r} = ${type}();`)}
  ${sources ? addAll : ''}
  ${total % invocations === 0 ? '' : `if (index >= ${total}u) { return; }`}
  ${lines(rows, (r) => {
    const body = lines(width, (j) => storeOne(r, j));
    return cOut % rows === 0 || r === 0 ? body : `if (first_row + ${r}u < ${cOut}u) {\n${body}\n}`;
  })}
}`,
    reads: { ...sources, ...store.reads },
    writes: { y: out },
    vectors: vectors && sources ? ['packed'] : [],
    invocations,
    workgroups: grid.workgroups,
    flops: tapFlops(conv),
  });
}
