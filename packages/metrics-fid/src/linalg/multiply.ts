/**
 * The one matrix product that everything here is written in: C += α·A·Bᵀ, dot products of rows with rows, which are
 * contiguous in row-major storage. A 4 × 4 tile of C stays in registers, so each number loaded is used four times.
 */
import { window, type Matrix } from './matrix.ts';

/** Longest piece of the inner dimension: four rows of it stay in the first-level cache. */
const DEPTH = 512;

/** c += alpha · a · bᵀ. @param a [m, k] @param b [n, k] @param c [m, n], must not overlap a or b */
export function addProduct(alpha: number, a: Matrix, b: Matrix, c: Matrix): void {
  for (let p = 0; p < a.columns; p += DEPTH) {
    const depth = Math.min(DEPTH, a.columns - p);
    addShallow(alpha, window(a, 0, p, a.rows, depth), window(b, 0, p, b.rows, depth), c);
  }
}

/** The lower triangle (and the whole of the blocks on the diagonal) of c += alpha · a · aᵀ. @param c [m, m] */
export function addGram(alpha: number, a: Matrix, c: Matrix): void {
  const block = 64;
  for (let i = 0; i < a.rows; i += block) {
    const rows = Math.min(block, a.rows - i);
    const upTo = window(a, 0, 0, i + rows, a.columns);
    addProduct(alpha, window(a, i, 0, rows, a.columns), upTo, window(c, i, 0, rows, i + rows));
  }
}

function addShallow(alpha: number, a: Matrix, b: Matrix, c: Matrix): void {
  const A = a.data;
  const B = b.data;
  const C = c.data;
  const k = a.columns;
  const evenRows = a.rows - (a.rows % 4);
  const evenColumns = b.rows - (b.rows % 4);
  for (let i = 0; i < evenRows; i += 4) {
    const a0 = a.offset + i * a.stride;
    const a1 = a0 + a.stride;
    const a2 = a1 + a.stride;
    const a3 = a2 + a.stride;
    for (let j = 0; j < evenColumns; j += 4) {
      const b0 = b.offset + j * b.stride;
      const b1 = b0 + b.stride;
      const b2 = b1 + b.stride;
      const b3 = b2 + b.stride;
      // prettier-ignore
      let s00 = 0, s01 = 0, s02 = 0, s03 = 0;
      // prettier-ignore
      let s10 = 0, s11 = 0, s12 = 0, s13 = 0;
      // prettier-ignore
      let s20 = 0, s21 = 0, s22 = 0, s23 = 0;
      // prettier-ignore
      let s30 = 0, s31 = 0, s32 = 0, s33 = 0;
      for (let p = 0; p < k; p++) {
        const x0 = A[a0 + p]!;
        const x1 = A[a1 + p]!;
        const x2 = A[a2 + p]!;
        const x3 = A[a3 + p]!;
        const y0 = B[b0 + p]!;
        const y1 = B[b1 + p]!;
        const y2 = B[b2 + p]!;
        const y3 = B[b3 + p]!;
        s00 += x0 * y0;
        s01 += x0 * y1;
        s02 += x0 * y2;
        s03 += x0 * y3;
        s10 += x1 * y0;
        s11 += x1 * y1;
        s12 += x1 * y2;
        s13 += x1 * y3;
        s20 += x2 * y0;
        s21 += x2 * y1;
        s22 += x2 * y2;
        s23 += x2 * y3;
        s30 += x3 * y0;
        s31 += x3 * y1;
        s32 += x3 * y2;
        s33 += x3 * y3;
      }
      let at = c.offset + i * c.stride + j;
      C[at]! += alpha * s00;
      C[at + 1]! += alpha * s01;
      C[at + 2]! += alpha * s02;
      C[at + 3]! += alpha * s03;
      at += c.stride;
      C[at]! += alpha * s10;
      C[at + 1]! += alpha * s11;
      C[at + 2]! += alpha * s12;
      C[at + 3]! += alpha * s13;
      at += c.stride;
      C[at]! += alpha * s20;
      C[at + 1]! += alpha * s21;
      C[at + 2]! += alpha * s22;
      C[at + 3]! += alpha * s23;
      at += c.stride;
      C[at]! += alpha * s30;
      C[at + 1]! += alpha * s31;
      C[at + 2]! += alpha * s32;
      C[at + 3]! += alpha * s33;
    }
    addEdge(alpha, a, b, c, i, i + 4, evenColumns, b.rows);
  }
  addEdge(alpha, a, b, c, evenRows, a.rows, 0, b.rows);
}

/** The rows and columns that do not fill a tile. */
function addEdge(
  alpha: number,
  a: Matrix,
  b: Matrix,
  c: Matrix,
  fromRow: number,
  toRow: number,
  fromColumn: number,
  toColumn: number,
): void {
  for (let i = fromRow; i < toRow; i++) {
    for (let j = fromColumn; j < toColumn; j++) {
      const x = a.offset + i * a.stride;
      const y = b.offset + j * b.stride;
      let sum = 0;
      for (let p = 0; p < a.columns; p++) sum += a.data[x + p]! * b.data[y + p]!;
      c.data[c.offset + i * c.stride + j]! += alpha * sum;
    }
  }
}
