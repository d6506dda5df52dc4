/**
 * Augmentation over the matrix: Dijkstra's shortest alternating path, each scanned row in one pass over all columns.
 * See src/solve/plain/dense-path.ts.
 */
import { i32At, setI32, f32At, f64At, setF64 } from './_arrays';
import {
  columns,
  cost,
  distance,
  final,
  flip,
  free,
  open,
  previous,
  reducedCost,
  setDual,
  settled,
  v,
  y,
} from './_state';

let settledCount: i32 = 0;

/** Columns that the last search had settled when it found no way on. */
export function reachedDenseColumns(): i32 {
  return settledCount;
}

/**
 * Pairs the free rows from `from` to `to`, one after another.
 *
 * @returns `to`, or ~position of a row that can reach no free column
 */
export function augmentDense(from: i32, to: i32): i32 {
  let at = from;
  while (at < to && search(i32At(free, at))) at++;
  for (let j = 0; j < columns; j++) setF64(distance, j, Infinity);
  return at < to ? ~at : to;
}

function search(from: i32): bool {
  const n = columns;
  memory.copy(open, v, <usize>n * 8);
  for (let j = 0; j < n; j++) setF64(distance, j, Infinity);
  settledCount = 0;
  let least = relax(from, 0);
  while (least < Infinity) {
    const j = nearest(least);
    const row = i32At(y, j);
    if (row < 0) {
      lowerDuals(least);
      flip(from, j);
      return true;
    }
    setI32(settled, settledCount, j);
    setF64(final, settledCount++, least);
    const origin = least - reducedCost(row, j);
    // What is settled is neither reached again nor found again.
    setF64(distance, j, Infinity);
    setF64(open, j, -Infinity);
    least = relax(row, origin);
  }
  return false;
}

function lowerDuals(length: f64): void {
  for (let s = 0; s < settledCount; s++) {
    const j = i32At(settled, s);
    const change = f64At(final, s) - length;
    if (change < 0) setDual(j, f64At(v, j) + change);
  }
}

/** Offers all of a row's columns. @returns the smallest distance of a column that is not settled */
function relax(row: i32, origin: f64): f64 {
  const n = columns;
  const o = cost + ((<usize>row * <usize>n) << 2);
  const blocks = n & ~3;
  const origins = f64x2.splat(origin);
  let leastLow = f64x2.splat(Infinity);
  let leastHigh = f64x2.splat(Infinity);
  let j = 0;
  for (; j < blocks; j += 4) {
    const c = v128.load(o + ((<usize>j) << 2));
    const duals = open + ((<usize>j) << 3);
    const at = distance + ((<usize>j) << 3);
    const low = f64x2.add(f64x2.sub(f64x2.promote_low_f32x4(c), v128.load(duals)), origins);
    const high = f64x2.add(
      f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(c, c, 1, 1)), v128.load(duals, 16)),
      origins,
    );
    let knownLow = v128.load(at);
    let knownHigh = v128.load(at, 16);
    const nearerLow = f64x2.lt(low, knownLow);
    const nearerHigh = f64x2.lt(high, knownHigh);
    if (v128.any_true(v128.or(nearerLow, nearerHigh))) {
      knownLow = f64x2.pmin(knownLow, low);
      knownHigh = f64x2.pmin(knownHigh, high);
      v128.store(at, knownLow);
      v128.store(at, knownHigh, 16);
      const from = previous + ((<usize>j) << 2);
      v128.store(
        from,
        v128.bitselect(i32x4.splat(row), v128.load(from), i32x4.shuffle(nearerLow, nearerHigh, 0, 2, 4, 6)),
      );
    }
    leastLow = f64x2.pmin(leastLow, knownLow);
    leastHigh = f64x2.pmin(leastHigh, knownHigh);
  }
  leastLow = f64x2.pmin(leastLow, leastHigh);
  const a = f64x2.extract_lane(leastLow, 0);
  const b = f64x2.extract_lane(leastLow, 1);
  let least = a < b ? a : b;
  for (; j < n; j++) {
    const through = <f64>f32At(o, j) - f64At(open, j) + origin;
    const at = distance + ((<usize>j) << 3);
    if (through < load<f64>(at)) {
      store<f64>(at, through);
      setI32(previous, j, row);
    }
    const known = load<f64>(at);
    if (known < least) least = known;
  }
  return least;
}

/** The first column at distance `least`; one without a row, if there is any. */
function nearest(least: f64): i32 {
  const n = columns;
  const blocks = n & ~3;
  const wanted = f64x2.splat(least);
  let first = -1;
  for (let j = 0; j < n; j++) {
    if (j < blocks && (j & 3) === 0) {
      const at = distance + ((<usize>j) << 3);
      const low = f64x2.eq(v128.load(at), wanted);
      const high = f64x2.eq(v128.load(at, 16), wanted);
      if (!v128.any_true(v128.or(low, high))) {
        j += 3;
        continue;
      }
    }
    if (f64At(distance, j) !== least) continue;
    if (i32At(y, j) < 0) return j;
    if (first < 0) first = j;
  }
  return first;
}
