/**
 * The exact solvers' passes, over lists and over the matrix. What they do and in which order is decided by
 * src/solve/jonker-volgenant.ts and src/solve/sparse-core.ts.
 */
import { f32At, f64At, i32At, setF64 } from './_arrays';
import { columns, cost, free, rows, u, v } from './_state';

export { clear, costAddress, layout, uAddress, vAddress, xAddress, yAddress } from './_state';
export { allFinite, centre, columnReduction, freeEveryRow, spread } from './_start';
export { buildLists } from './_lists';
export {
  beginPass,
  cutsLeft,
  endPass,
  failedRow,
  reduceRows,
  releaseRows,
  transferReduction,
} from './_reduction';
export { augmentOverLists, reachedColumns } from './_search';
export { augmentDense, reachedDenseColumns } from './_dense';

/** A free row, by its position. */
export function freeRow(position: i32): i32 {
  return i32At(free, position);
}

/** The certificate's u[i] = min over j of (cost[i, j] - v[j]). See src/solve/certificate.ts. */
export function rowDuals(): void {
  const n = columns;
  const blocks = n & ~3;
  for (let i = 0; i < rows; i++) {
    const o = cost + ((<usize>i * <usize>n) << 2);
    let low = f64x2.splat(Infinity);
    let high = f64x2.splat(Infinity);
    let j = 0;
    for (; j < blocks; j += 4) {
      const c = v128.load(o + ((<usize>j) << 2));
      const at = v + ((<usize>j) << 3);
      low = f64x2.pmin(low, f64x2.sub(f64x2.promote_low_f32x4(c), v128.load(at)));
      high = f64x2.pmin(
        high,
        f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(c, c, 1, 1)), v128.load(at, 16)),
      );
    }
    low = f64x2.pmin(low, high);
    const a = f64x2.extract_lane(low, 0);
    const b = f64x2.extract_lane(low, 1);
    let least = a < b ? a : b;
    for (; j < n; j++) {
      const reduced = <f64>f32At(o, j) - f64At(v, j);
      if (reduced < least) least = reduced;
    }
    setF64(u, i, least);
  }
}
