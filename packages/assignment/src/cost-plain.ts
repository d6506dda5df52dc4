/**
 * The plain TypeScript twin of assembly/distance.ts: for engines without WebAssembly SIMD, and for tests to compare with.
 *
 * ‖x - n‖² = ‖x‖² + ‖n‖² - 2 x·n, with products and norms summed in float64, so that the subtraction loses nothing
 * that float32 could show (vectors of 10⁴ numbers: relative error below 1e-7 against the direct sum).
 */
import { type CostShape } from './cost.ts';
import { type Metric, pairCost } from './metric.ts';

/** A square smaller than this part of ‖x‖² + ‖n‖² has lost too much to cancellation: it is summed again directly. */
const CANCELLED = 1e-6;
/** Bytes of packed noise that a block may take: it is read once for every four images and should stay in cache. */
const BLOCK_BYTES = 1 << 19;

/** As `pairwiseCost` (cost.ts), without its checks. */
export function plainCost(
  x0: Float32Array,
  noise: Float32Array,
  metric: Metric,
  { rows, columns, dimensions }: CostShape,
): Float32Array {
  const out = new Float32Array(rows * columns);
  const expand = metric === 'l2' || metric === 'sqeuclidean';
  const x0Norms = expand ? squaredNorms(x0, rows, dimensions) : undefined;
  const noiseNorms = expand ? squaredNorms(noise, columns, dimensions) : undefined;
  const tile = new Float64Array(16);
  const images = new Float64Array(4 * dimensions);
  const width = Math.max(
    4,
    Math.min(4 * Math.ceil(columns / 4), 4 * Math.floor(BLOCK_BYTES / 32 / dimensions)),
  );
  const block = new Float64Array(width * dimensions);
  for (let left = 0; left < columns; left += width) {
    const right = Math.min(columns, left + width);
    for (let j = left; j < right; j += 4) pack(noise, j, right, dimensions, block, (j - left) * dimensions);
    for (let i = 0; i < rows; i += 4) {
      pack(x0, i, rows, dimensions, images, 0);
      for (let j = left; j < right; j += 4) {
        const at = (j - left) * dimensions;
        if (metric === 'l1') absoluteTile(images, block, at, dimensions, tile);
        else productTile(images, block, at, dimensions, tile);
        const height = Math.min(4, rows - i);
        const across = Math.min(4, right - j);
        for (let r = 0; r < height; r++) {
          for (let c = 0, o = (i + r) * columns + j; c < across; c++, o++) {
            const value = tile[4 * r + c]!;
            if (x0Norms !== undefined && noiseNorms !== undefined) {
              const both = x0Norms[i + r]! + noiseNorms[j + c]!;
              let squared = both - 2 * value;
              if (!(squared >= CANCELLED * both)) {
                const row = (i + r) * dimensions;
                squared = pairCost('sqeuclidean', x0, row, noise, (j + c) * dimensions, dimensions);
              }
              out[o] = metric === 'l2' ? Math.sqrt(squared) : squared;
            } else {
              out[o] = metric === 'dot' ? -value : value;
            }
          }
        }
      }
    }
  }
  return out;
}

/** [rows] ‖row‖² in float64. */
function squaredNorms(data: Float32Array, rows: number, dimensions: number): Float64Array {
  const norms = new Float64Array(rows);
  for (let i = 0, o = 0; i < rows; i++) {
    let sum = 0;
    for (let k = 0; k < dimensions; k++, o++) sum += data[o]! * data[o]!;
    norms[i] = sum;
  }
  return norms;
}

/** Four rows from `row` on, interleaved: out[at + 4k + r] = data[row + r, k]; zeros for rows from `rows` on. */
function pack(
  data: Float32Array,
  row: number,
  rows: number,
  dimensions: number,
  out: Float64Array,
  at: number,
): void {
  for (let r = 0; r < 4; r++) {
    if (row + r < rows) {
      for (let k = 0, o = (row + r) * dimensions, p = at + r; k < dimensions; k++, o++, p += 4)
        out[p] = data[o]!;
    } else {
      for (let k = 0, p = at + r; k < dimensions; k++, p += 4) out[p] = 0;
    }
  }
}

/** The 16 inner products of four packed rows with four others, kept in registers over all dimensions. */
function productTile(
  a: Float64Array,
  b: Float64Array,
  bAt: number,
  dimensions: number,
  tile: Float64Array,
): void {
  let c00 = 0;
  let c01 = 0;
  let c02 = 0;
  let c03 = 0;
  let c10 = 0;
  let c11 = 0;
  let c12 = 0;
  let c13 = 0;
  let c20 = 0;
  let c21 = 0;
  let c22 = 0;
  let c23 = 0;
  let c30 = 0;
  let c31 = 0;
  let c32 = 0;
  let c33 = 0;
  for (let p = 0, q = bAt, end = 4 * dimensions; p < end; p += 4, q += 4) {
    const b0 = b[q]!;
    const b1 = b[q + 1]!;
    const b2 = b[q + 2]!;
    const b3 = b[q + 3]!;
    let ar = a[p]!;
    c00 += ar * b0;
    c01 += ar * b1;
    c02 += ar * b2;
    c03 += ar * b3;
    ar = a[p + 1]!;
    c10 += ar * b0;
    c11 += ar * b1;
    c12 += ar * b2;
    c13 += ar * b3;
    ar = a[p + 2]!;
    c20 += ar * b0;
    c21 += ar * b1;
    c22 += ar * b2;
    c23 += ar * b3;
    ar = a[p + 3]!;
    c30 += ar * b0;
    c31 += ar * b1;
    c32 += ar * b2;
    c33 += ar * b3;
  }
  tile[0] = c00;
  tile[1] = c01;
  tile[2] = c02;
  tile[3] = c03;
  tile[4] = c10;
  tile[5] = c11;
  tile[6] = c12;
  tile[7] = c13;
  tile[8] = c20;
  tile[9] = c21;
  tile[10] = c22;
  tile[11] = c23;
  tile[12] = c30;
  tile[13] = c31;
  tile[14] = c32;
  tile[15] = c33;
}

/** The 16 sums of absolute differences of four packed rows and four others. */
function absoluteTile(
  a: Float64Array,
  b: Float64Array,
  bAt: number,
  dimensions: number,
  tile: Float64Array,
): void {
  for (let r = 0; r < 4; r++) {
    let c0 = 0;
    let c1 = 0;
    let c2 = 0;
    let c3 = 0;
    for (let p = r, q = bAt, end = 4 * dimensions; p < end; p += 4, q += 4) {
      const ar = a[p]!;
      c0 += Math.abs(ar - b[q]!);
      c1 += Math.abs(ar - b[q + 1]!);
      c2 += Math.abs(ar - b[q + 2]!);
      c3 += Math.abs(ar - b[q + 3]!);
    }
    tile[4 * r] = c0;
    tile[4 * r + 1] = c1;
    tile[4 * r + 2] = c2;
    tile[4 * r + 3] = c3;
  }
}
