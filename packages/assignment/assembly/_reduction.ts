/**
 * Reduction transfer and augmenting row reduction over lists or over the matrix. See src/solve/plain/row-reduction.ts.
 */
import { i32At, setI32, u32At, f32At, f64At } from './_arrays';
import {
  bound,
  claims,
  columns,
  cost,
  ENTRY,
  free,
  left,
  listEnd,
  listStart,
  reducedCost,
  rows,
  setDual,
  v,
  x,
  y,
} from './_state';
import { hasRoom, widen } from './_lists';

/** What became of a slice of a row reduction, instead of a number of rows. */
export const INFEASIBLE: i32 = -1;
export const FULL: i32 = -2;

let next: i32 = 0;
let waiting: i32 = 0;
let leftCount: i32 = 0;
let cuts: i32 = 0;
/** What a price is lowered by beyond the second best. */
let epsilon: f64 = 0;
/** The row that has no column. */
let failed: i32 = -1;

let u1: f64 = 0;
let u2: f64 = 0;
let j1: i32 = -1;

/** How often the pass may still lower a price. */
export function cutsLeft(): i32 {
  return cuts;
}

export function failedRow(): i32 {
  return failed;
}

/** A row that only one column chose gives its slack to that column. @returns how many rows are free */
export function transferReduction(overLists: bool): i32 {
  let count = 0;
  for (let i = 0; i < rows; i++) {
    const claimed = i32At(claims, i);
    if (claimed === 0) {
      setI32(free, count++, i);
    } else if (claimed === 1) {
      // The row's own column stands at a reduced cost of 0, the smallest, so that its slack is the second smallest, or
      // what unlisted columns may come down to.
      let slack: f64;
      if (overLists) {
        listTwoSmallest(i);
        slack = min<f64>(u2, f64At(bound, i));
      } else {
        denseTwoSmallest(i);
        slack = u2;
      }
      if (slack > 0 && slack < Infinity) {
        const own = i32At(x, i);
        setDual(own, f64At(v, own) - slack);
      }
    }
  }
  return count;
}

/** Begins a pass over the first `count` free rows, which may lower prices `limit` times, by `extra` more than needed. */
export function beginPass(count: i32, limit: i32, extra: f64): void {
  epsilon = extra;
  next = 0;
  waiting = count;
  leftCount = 0;
  cuts = limit;
}

/**
 * Goes on with the pass for at most `scans` rows.
 *
 * @returns rows that still wait, INFEASIBLE, or FULL
 */
export function reduceRows(overLists: bool, scans: i32): i32 {
  while (next < waiting && scans-- > 0) {
    const i = i32At(free, next);
    if (overLists) {
      listTwoSmallest(i);
      while (!(u2 <= f64At(bound, i))) {
        if (!hasRoom()) return FULL;
        widen(i);
        listTwoSmallest(i);
      }
    } else {
      denseTwoSmallest(i);
    }
    if (u1 === Infinity) {
      failed = i;
      return INFEASIBLE;
    }
    next++;
    settle(i, overLists);
  }
  return waiting - next;
}

/** The pass is over, or given up: rows that wait are free too. @returns how many rows are free */
export function endPass(): i32 {
  while (next < waiting) {
    setI32(left, leftCount++, i32At(free, next++));
  }
  memory.copy(free, left, (<usize>leftCount) << 2);
  return leftCount;
}

/** Gives row `i` its cheapest column; among equally cheap ones a free one, else the lowest. */
function settle(i: i32, overLists: bool): void {
  find(i, overLists, false);
  let column = j1;
  const at = v + ((<usize>column) << 3);
  const price = load<f64>(at) - (u2 - u1) - epsilon;
  // In floating point u2 > u1 does not promise that the price moves.
  const lowers = price < load<f64>(at) && u2 < Infinity && cuts > 0;
  if (lowers) {
    cuts--;
    setDual(column, price);
  } else if (u1 === u2 && i32At(y, column) >= 0) {
    find(i, overLists, true);
    if (j1 >= 0) column = j1;
  }
  const displaced = i32At(y, column);
  if (displaced >= 0) {
    setI32(x, displaced, -1);
    if (lowers) setI32(free, --next, displaced);
    else setI32(left, leftCount++, displaced);
  }
  setI32(x, i, column);
  setI32(y, column, i);
}

/** j1 = the first column at u1, of free columns only if so asked; -1: none. */
function find(i: i32, overLists: bool, freeOnly: bool): void {
  j1 = -1;
  if (overLists) {
    const end = u32At(listEnd, i);
    for (let at = u32At(listStart, i); at < end; at += ENTRY) {
      const j = load<i32>(at);
      if (<f64>load<f32>(at, 4) - f64At(v, j) !== u1) continue;
      if (freeOnly && i32At(y, j) >= 0) continue;
      j1 = j;
      return;
    }
    return;
  }
  const n = columns;
  const o = cost + ((<usize>i * <usize>n) << 2);
  const blocks = n & ~3;
  const wanted = f64x2.splat(u1);
  for (let j = 0; j < n; j++) {
    if (j < blocks && (j & 3) === 0) {
      const c = v128.load(o + ((<usize>j) << 2));
      const at = v + ((<usize>j) << 3);
      const low = f64x2.eq(f64x2.sub(f64x2.promote_low_f32x4(c), v128.load(at)), wanted);
      const high = f64x2.eq(
        f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(c, c, 1, 1)), v128.load(at, 16)),
        wanted,
      );
      if (!v128.any_true(v128.or(low, high))) {
        j += 3;
        continue;
      }
    }
    if (<f64>f32At(o, j) - f64At(v, j) !== u1) continue;
    if (freeOnly && i32At(y, j) >= 0) continue;
    j1 = j;
    return;
  }
}

function listTwoSmallest(i: i32): void {
  let first = f64x2.splat(Infinity);
  let second = f64x2.splat(Infinity);
  const end = u32At(listEnd, i);
  for (let at = u32At(listStart, i); at < end; at += 2 * ENTRY) {
    const entries = v128.load(at);
    const dual = v128.load64_lane(
      v + ((<usize>load<i32>(at, 8)) << 3),
      v128.load64_zero(v + ((<usize>load<i32>(at)) << 3)),
      1,
    );
    const reduced = f64x2.sub(f64x2.promote_low_f32x4(i32x4.shuffle(entries, entries, 1, 3, 1, 3)), dual);
    second = f64x2.pmin(second, f64x2.pmax(first, reduced));
    first = f64x2.pmin(first, reduced);
  }
  twoOf(first, second);
}

function denseTwoSmallest(i: i32): void {
  const n = columns;
  const o = cost + ((<usize>i * <usize>n) << 2);
  const blocks = n & ~3;
  let first = f64x2.splat(Infinity);
  let second = f64x2.splat(Infinity);
  let firstHigh = f64x2.splat(Infinity);
  let secondHigh = f64x2.splat(Infinity);
  let j = 0;
  for (; j < blocks; j += 4) {
    const c = v128.load(o + ((<usize>j) << 2));
    const at = v + ((<usize>j) << 3);
    const low = f64x2.sub(f64x2.promote_low_f32x4(c), v128.load(at));
    const high = f64x2.sub(f64x2.promote_low_f32x4(i64x2.shuffle(c, c, 1, 1)), v128.load(at, 16));
    second = f64x2.pmin(second, f64x2.pmax(first, low));
    first = f64x2.pmin(first, low);
    secondHigh = f64x2.pmin(secondHigh, f64x2.pmax(firstHigh, high));
    firstHigh = f64x2.pmin(firstHigh, high);
  }
  second = f64x2.pmin(f64x2.pmin(second, secondHigh), f64x2.pmax(first, firstHigh));
  first = f64x2.pmin(first, firstHigh);
  twoOf(first, second);
  for (; j < n; j++) {
    const reduced = <f64>f32At(o, j) - f64At(v, j);
    if (reduced < u1) {
      u2 = u1;
      u1 = reduced;
    } else if (reduced < u2) {
      u2 = reduced;
    }
  }
}

/** u1, u2 = the two smallest of those that two lanes saw. */
function twoOf(first: v128, second: v128): void {
  const a = f64x2.extract_lane(first, 0);
  const b = f64x2.extract_lane(first, 1);
  const c = f64x2.extract_lane(second, 0);
  const d = f64x2.extract_lane(second, 1);
  u1 = a < b ? a : b;
  const larger = a < b ? b : a;
  const smaller = c < d ? c : d;
  u2 = larger < smaller ? larger : smaller;
}

/** Frees every row whose pair is not its cheapest by the duals as they are. @returns how many rows are free, or FULL */
export function releaseRows(overLists: bool): i32 {
  let count = 0;
  for (let i = 0; i < rows; i++) {
    const own = i32At(x, i);
    if (own >= 0) {
      if (overLists) {
        listTwoSmallest(i);
        while (!(u1 <= f64At(bound, i))) {
          if (!hasRoom()) return FULL;
          widen(i);
          listTwoSmallest(i);
        }
      } else {
        denseTwoSmallest(i);
      }
      if (reducedCost(i, own) <= u1) continue;
      setI32(x, i, -1);
      setI32(y, own, -1);
    }
    setI32(free, count++, i);
  }
  return count;
}
