/** Where the column duals start: passes over the whole matrix. */
import { f32At, f64At, i32At, setF32, setF64, setI32 } from './_arrays';
import { claims, columns, cost, free, reach, rounded, rows, setDual, v, x, y } from './_state';

/** Whether every cost is a finite number: x - x is 0 for those alone. */
export function allFinite(): bool {
  const count = <usize>rows * <usize>columns;
  let at = cost;
  const blocks = cost + ((count & ~15) << 2);
  let bad = i32x4.splat(0);
  for (; at < blocks; at += 64) {
    const a = v128.load(at);
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    const d = v128.load(at, 48);
    bad = v128.or(
      bad,
      v128.or(v128.or(f32x4.sub(a, a), f32x4.sub(b, b)), v128.or(f32x4.sub(c, c), f32x4.sub(d, d))),
    );
  }
  if (v128.any_true(bad)) return false;
  const end = cost + (count << 2);
  for (; at < end; at += 4) {
    const c = load<f32>(at);
    if (c - c !== 0) return false;
  }
  return true;
}

/**
 * Column reduction: v[j] = the smallest cost of column j, and the row where it first stands takes one of its columns.
 *
 * @returns how many rows have no column; ~j where column j is forbidden to every row
 */
export function columnReduction(): i32 {
  const n = columns;
  const blocks = n & ~3;
  // `rounded` holds the smallest costs (they are float32), `y` the rows they stand in.
  memory.copy(rounded, cost, <usize>n * 4);
  memory.fill(y, 0, <usize>n * 4);
  for (let i = 1; i < rows; i++) {
    const o = cost + ((<usize>i * <usize>n) << 2);
    let j = 0;
    for (; j < blocks; j += 4) {
      const c = v128.load(o + ((<usize>j) << 2));
      const least = v128.load(rounded + ((<usize>j) << 2));
      const lower = f32x4.lt(c, least);
      if (v128.any_true(lower)) {
        v128.store(rounded + ((<usize>j) << 2), f32x4.pmin(least, c));
        const rowsAt = y + ((<usize>j) << 2);
        v128.store(rowsAt, v128.bitselect(i32x4.splat(i), v128.load(rowsAt), lower));
      }
    }
    for (; j < n; j++) {
      const c = f32At(o, j);
      if (c < f32At(rounded, j)) {
        setF32(rounded, j, c);
        setI32(y, j, i);
      }
    }
  }
  memory.fill(claims, 0, <usize>rows * 4);
  setF64(reach, 0, 0);
  let count = rows;
  for (let j = n - 1; j >= 0; j--) {
    const least = f32At(rounded, j);
    if (least === Infinity) return ~j;
    setDual(j, <f64>least);
    const i = i32At(y, j);
    const claimed = i32At(claims, i);
    setI32(claims, i, claimed + 1);
    setI32(y, j, claimed === 0 ? i : -1);
    if (claimed !== 0) continue;
    setI32(x, i, j);
    count--;
  }
  return count;
}

/**
 * Sets v[j] = mean of column j - mean of all, over every `stride`th row. Sums run in four lanes, by column modulo 4,
 * and are taken from the first cost on. Finite costs only.
 *
 * @returns the share of the variance within rows that v explains
 */
export function centre(stride: i32): f64 {
  const n = columns;
  const origin = <f64>load<f32>(cost);
  memory.fill(v, 0, <usize>n * 8);
  let all: f64 = 0;
  let within: f64 = 0;
  const used = <f64>((rows + stride - 1) / stride);
  for (let i = 0; i < rows; i += stride) {
    const row = addRow(cost + ((<usize>i * <usize>n) << 2), origin);
    all += row;
    within += rowSquares - (row * row) / <f64>n;
  }
  const mean = all / (used * <f64>n);
  let columnSquares: f64 = 0;
  let largest: f64 = 0;
  setF64(reach, 0, 0);
  for (let j = 0; j < n; j++) {
    const dual = f64At(v, j) / used - mean;
    columnSquares += dual * dual;
    largest = max<f64>(largest, abs(dual));
    setF64(v, j, dual);
  }
  // Duals of 24 bits, as costs have: then differences of the two are not rounded.
  const grid = largest * 536870912;
  for (let j = 0; j < n; j++) setDual(j, f64At(v, j) + grid - grid);
  deviation = sqrt(max<f64>(0, within / (used * <f64>n)));
  return within > 0 ? (columnSquares * used) / within : 0;
}

let rowSquares: f64 = 0;
let deviation: f64 = 0;

/** The standard deviation of costs within rows, as centring saw it. */
export function spread(): f64 {
  return deviation;
}

/** Adds a row's costs to v. @returns their sum; that of their squares is in `rowSquares` */
function addRow(o: usize, origin: f64): f64 {
  const n = columns;
  const blocks = n & ~3;
  const origins = f64x2.splat(origin);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  let lowSquares = f64x2.splat(0);
  let highSquares = f64x2.splat(0);
  let sum: f64 = 0;
  let squares: f64 = 0;
  let j = 0;
  for (; j < blocks; j += 4) {
    const c = v128.load(o + ((<usize>j) << 2));
    const c01 = f64x2.sub(f64x2.promote_low_f32x4(c), origins);
    const c23 = f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(c, c, 1, 1)), origins);
    low = f64x2.add(low, c01);
    high = f64x2.add(high, c23);
    lowSquares = f64x2.add(lowSquares, f64x2.mul(c01, c01));
    highSquares = f64x2.add(highSquares, f64x2.mul(c23, c23));
    const at = v + ((<usize>j) << 3);
    v128.store(at, f64x2.add(v128.load(at), c01));
    v128.store(at, f64x2.add(v128.load(at, 16), c23), 16);
  }
  for (; j < n; j++) {
    const c = <f64>f32At(o, j) - origin;
    sum += c;
    squares += c * c;
    setF64(v, j, f64At(v, j) + c);
  }
  rowSquares = lanes(lowSquares, highSquares) + squares;
  return lanes(low, high) + sum;
}

function lanes(a: v128, b: v128): f64 {
  return (
    f64x2.extract_lane(a, 0) +
    f64x2.extract_lane(a, 1) +
    (f64x2.extract_lane(b, 0) + f64x2.extract_lane(b, 1))
  );
}

/** Every row is free. */
export function freeEveryRow(): i32 {
  for (let i = 0; i < rows; i++) setI32(free, i, i);
  return rows;
}
