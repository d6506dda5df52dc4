/**
 * Augmentation over lists: Dijkstra's shortest alternating path from a free row. See src/solve/plain/core-path.ts.
 */
import { i32At, setI32, u32At, f64At, setF64 } from './_arrays';
import {
  base,
  bound,
  columns,
  distance,
  done,
  ENTRY,
  flip,
  free,
  listEnd,
  listStart,
  previous,
  reducedCost,
  setDual,
  settled,
  touched,
  v,
  y,
} from './_state';
import { hasRoom, widen } from './_lists';
import { empty, pop, push, topKey } from './_queue';

let touchedCount: i32 = 0;
let settledCount: i32 = 0;
let end: i32 = -1;
let length: f64 = Infinity;

/** Columns that the last search had settled when it found no way on. */
export function reachedColumns(): i32 {
  return settledCount;
}

/**
 * Pairs the free rows from `from` to `to`, one after another, unless the lists become too wide.
 *
 * @returns the first row that is still free, as a position; ~position when it can reach no free column
 */
export function augmentOverLists(from: i32, to: i32): i32 {
  for (let at = from; at < to; at++) {
    if (!hasRoom() || !search(i32At(free, at))) return at;
    if (end < 0) return ~at;
  }
  return to;
}

/** @returns false when the lists became too wide: then nothing has changed */
function search(from: i32): bool {
  touchedCount = 0;
  settledCount = 0;
  end = -1;
  length = Infinity;
  setF64(base, from, 0);
  relax(from);
  let complete = true;
  while (topKey() < length) {
    const key = topKey();
    const item = pop();
    if (item >= columns) {
      if (!hasRoom()) {
        complete = false;
        break;
      }
      const row = item - columns;
      widen(row);
      relax(row);
      continue;
    }
    store<u8>(done + <usize>item, 1);
    setI32(settled, settledCount++, item);
    const row = i32At(y, item);
    setF64(base, row, key - reducedCost(row, item));
    relax(row);
  }
  empty();
  const found = complete && end >= 0;
  for (let s = 0; s < settledCount; s++) {
    const j = i32At(settled, s);
    store<u8>(done + <usize>j, 0);
    if (found) {
      const change = f64At(distance, j) - length;
      if (change < 0) setDual(j, f64At(v, j) + change);
    }
  }
  for (let t = 0; t < touchedCount; t++) {
    store<f64>(distance + ((<usize>i32At(touched, t)) << 3), Infinity);
  }
  if (found) flip(from, end);
  return complete;
}

/** Offers a row's listed columns, and the distance from which its unlisted ones might count. */
function relax(row: i32): void {
  const origin = f64At(base, row);
  const last = u32At(listEnd, row);
  for (let at = u32At(listStart, row); at < last; at += ENTRY) {
    const j = load<i32>(at);
    const through = <f64>load<f32>(at, 4) - f64At(v, j) + origin;
    const known = f64At(distance, j);
    if (through >= known || through >= length || load<u8>(done + <usize>j) !== 0) continue;
    if (known === Infinity) setI32(touched, touchedCount++, j);
    setF64(distance, j, through);
    setI32(previous, j, row);
    if (i32At(y, j) < 0) {
      end = j;
      length = through;
    } else {
      push(through, j);
    }
  }
  const outside = f64At(bound, row) + origin;
  if (outside < length) push(outside, columns + row);
}
