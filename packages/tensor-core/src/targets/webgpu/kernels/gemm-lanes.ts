/**
 * Matrix products for adapters that the CPU plays (lavapipe): invocations are SIMD lanes, and a barrier would turn the
 * shader into coroutines.
 *
 * A workgroup is one register's width. Its lanes lie along the columns, a few columns each; the rows' operand is the
 * same for all lanes, so that its loads and addresses are scalar. Each lane keeps a block of sums in registers.
 */
import { type Emitter } from '../kernel.ts';
import { matmulFlops, matmulLabel, type MatmulSpec } from './gemm.ts';
import {
  asF32,
  batchStart,
  ceilDiv,
  countOf,
  gridOf,
  inFours,
  inVectors,
  lines,
  list,
  runOf,
  Store,
} from './tiles.ts';

/** Lanes of a workgroup: 256-bit registers. */
const LANES = 8;

/** Steps of k that one load of a vector along k brings. */
const DEPTH = 4;

/** The sums that a lane keeps. */
export interface LaneBlock {
  readonly rows: number;
  /** Columns. */
  readonly width: 1 | 2 | 4;
}

/** Blocks for a shape, the sane one first: flat ones where rows bring vectors along k, tall ones where they do not. */
export function laneBlocks({ m, n, k, transposeA }: MatmulSpec): LaneBlock[] {
  const width = n >= 4 * LANES ? 4 : n >= 2 * LANES ? 2 : 1;
  const isFlat = width > 1 && !transposeA && k % DEPTH === 0;
  const heights = m < 4 ? [m] : isFlat ? [4, 8, 6] : [8, 4, 6];
  return heights.filter((rows) => rows <= m).map((rows) => ({ rows, width }));
}

export function emitLanes(emitter: Emitter, spec: MatmulSpec, block: LaneBlock): void {
  const { a, b, out, m, n, k, batch, transposeA, transposeB } = spec;
  const { rows, width } = block;
  const { capabilities } = emitter;
  const aVectors =
    inVectors(a, capabilities, [...batch.a, transposeA ? m : k]) &&
    (!transposeA || (rows % 4 === 0 && m % rows === 0));
  const bVectors =
    inVectors(b, capabilities, [...batch.b, transposeB ? k : n]) && (transposeB || width === 4);
  const adjacent = bVectors && !transposeB;
  const yVectors = adjacent && inVectors(out, capabilities, [n]) && inFours(spec.epilogue);
  const grid = gridOf(ceilDiv(m, rows), ceilDiv(n, LANES * width), countOf(batch.shape));
  const store = new Store(out, spec.epilogue);
  const type = width === 1 ? 'f32' : `vec${width}f`;

  /** Declares a{row}_{step} and b_{step} for the steps from k on, and adds their products. */
  const add = (steps: number): string => {
    const code: string[] = [];
    const aAt = (r: number, j: number): string =>
      transposeA ? `a_from + (k + ${j}u) * ${m}u + row${r}` : `a_from + row${r} * ${k}u + k + ${j}u`;
    const bAt = (i: number, j: number): string =>
      transposeB ? `b_from + column${i} * ${k}u + k + ${j}u` : `b_from + (k + ${j}u) * ${n}u + column${i}`;
    const aElement = (r: number, j: number): string => {
      if (!aVectors) return `a${r}_${j}`;
      return transposeA ? `a${r - (r % 4)}_${j}[${r % 4}]` : `a${r}_0[${j}]`;
    };
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < steps; j++) {
        if (aVectors && (transposeA ? r : j) % 4 !== 0) continue;
        const at = aVectors ? `a[a_at() + (${aAt(r, j)}) / 4u]` : `a[a_at() + ${aAt(r, j)}]`;
        code.push(`let a${r}_${j} = ${asF32(at, a.value.dtype, aVectors ? 4 : 1)};`);
      }
    }
    if (transposeB && bVectors) {
      for (let i = 0; i < width; i++) {
        code.push(`let b${i} = ${asF32(`b[b_at() + (${bAt(i, 0)}) / 4u]`, b.value.dtype, 4)};`);
      }
    }
    for (let j = 0; j < steps; j++) {
      const scalar = (i: number): string =>
        transposeB && bVectors ? `b${i}[${j}]` : asF32(`b[b_at() + ${bAt(i, j)}]`, b.value.dtype);
      const bv = adjacent
        ? asF32(`b[b_at() + (${bAt(0, j)}) / 4u]`, b.value.dtype, 4)
        : `${type}(${list(width, scalar)})`;
      code.push(`let b_${j} = ${bv};`);
      for (let r = 0; r < rows; r++) code.push(`sum${r} = fma(${type}(${aElement(r, j)}), b_${j}, sum${r});`);
    }
    return code.join('\n    ');
  };

  // Vectors along k divide it; without them, steps that stand together only take longer to compile.
  const depth = (aVectors && !transposeA) || (bVectors && transposeB) ? DEPTH : 1;
  const column = (i: number): string => (adjacent ? `first + ${i}u` : `first + ${i * LANES}u`);
  const storeRow = (r: number): string => {
    if (yVectors) {
      const body = `{ let at = y_from + row${r} * ${n}u + first; ${store.vector(`sum${r}`, 'at')} }`;
      return n % (LANES * 4) === 0 ? body : `if (first < ${n}u) ${body}`;
    }
    return lines(width, (i) => {
      const v = width === 1 ? `sum${r}` : `sum${r}[${i}]`;
      return `if (${column(i)} < ${n}u) { let at = y_from + row${r} * ${n}u + ${column(i)}; ${store.scalar(v, 'at')} }`;
    });
  };
  const inRows = (r: number, body: string): string =>
    r === 0 || m % rows === 0 ? body : `if (tile.x * ${rows}u + ${r}u < ${m}u) {\n${body}\n}`;

  emitter.emit({
    label: matmulLabel(spec),
    body: `${store.code}
${runOf(grid)}
  let a_from = ${batchStart(batch.shape, batch.a, 'tile.z')};
  let b_from = ${batchStart(batch.shape, batch.b, 'tile.z')};
  let y_from = tile.z * ${m * n}u;
  ${lines(rows, (r) => `let row${r} = ${m % rows === 0 ? `tile.x * ${rows}u + ${r}u` : `min(tile.x * ${rows}u + ${r}u, ${m - 1}u)`};`)}
  let first = tile.y * ${LANES * width}u + lane * ${adjacent ? 4 : 1}u;
  ${adjacent ? `let column0 = min(first, ${n - 4}u);` : lines(width, (i) => `let column${i} = min(${column(i)}, ${n - 1}u);`)}
  ${lines(rows, (r) => `var sum${r} = ${type}();`)}
  for (var k = 0u; k < ${k}u; k += ${depth}u) {
    ${add(depth)}
  }
  ${lines(rows, (r) => inRows(r, storeRow(r)))}
}`,
    reads: { a, b, ...store.reads },
    writes: { y: out },
    vectors: [...(aVectors ? ['a'] : []), ...(bVectors ? ['b'] : []), ...(yVectors ? ['y'] : [])],
    invocations: LANES,
    workgroups: grid.workgroups,
    flops: matmulFlops(spec),
  });
}
