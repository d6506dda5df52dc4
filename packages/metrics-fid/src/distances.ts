/** Squared Euclidean distances, a block of rows at a time: the whole [N, M] matrix never exists. */
import { type FeatureMatrix } from './feature-matrix.ts';

const BLOCK = 64;

/**
 * Visits |a_i − b_j|² row by row.
 *
 * Differences are squared, not expanded into |a|² − 2a·b + |b|²: equal samples are at distance 0 exactly.
 *
 * @param visit gets i and the M distances of a_i, valid until it returns
 */
export function eachDistanceRow(
  a: FeatureMatrix,
  b: FeatureMatrix,
  visit: (i: number, squared: Float64Array) => void,
): void {
  const d = a.dimension;
  const n = a.data.length / d;
  const m = b.data.length / d;
  const x = Float64Array.from(a.data);
  const y = Float64Array.from(b.data);
  const out = new Float64Array(BLOCK * m);
  for (let first = 0; first < n; first += BLOCK) {
    const rows = Math.min(BLOCK, n - first);
    fillBlock(x, first, rows, y, m, d, out);
    for (let i = 0; i < rows; i++) visit(first + i, out.subarray(i * m, (i + 1) * m));
  }
}

function fillBlock(
  x: Float64Array,
  first: number,
  rows: number,
  y: Float64Array,
  m: number,
  d: number,
  out: Float64Array,
): void {
  const even = m - (m % 4);
  for (let j = 0; j < even; j += 4) {
    const y0 = j * d;
    const y1 = y0 + d;
    const y2 = y1 + d;
    const y3 = y2 + d;
    for (let i = 0; i < rows; i++) {
      const at = (first + i) * d;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let p = 0; p < d; p++) {
        const value = x[at + p]!;
        const t0 = value - y[y0 + p]!;
        const t1 = value - y[y1 + p]!;
        const t2 = value - y[y2 + p]!;
        const t3 = value - y[y3 + p]!;
        s0 += t0 * t0;
        s1 += t1 * t1;
        s2 += t2 * t2;
        s3 += t3 * t3;
      }
      out[i * m + j] = s0;
      out[i * m + j + 1] = s1;
      out[i * m + j + 2] = s2;
      out[i * m + j + 3] = s3;
    }
  }
  for (let j = even; j < m; j++) {
    for (let i = 0; i < rows; i++) {
      let sum = 0;
      for (let p = 0; p < d; p++) sum += (x[(first + i) * d + p]! - y[j * d + p]!) ** 2;
      out[i * m + j] = sum;
    }
  }
}
