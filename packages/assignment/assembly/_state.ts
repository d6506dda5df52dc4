/**
 * Where everything of one solve lies in memory: the matrix, both sides' partners and duals, and working arrays.
 *
 * Symbols are Jonker and Volgenant's: x[i] = the column of row i, y[j] = the row of column j (-1: none), v = the duals
 * of the columns. Reduced costs are `f64(cost) - v` in float64, in every kernel and in the TypeScript twin alike, so
 * that both take the same decisions.
 */

import { i32At, setI32, setF32, f64At, setF64 } from './_arrays';

/** One entry of a list: i32 column, f32 cost. */
export const ENTRY: usize = 8;

export let rows: i32 = 0;
export let columns: i32 = 0;
/** f32 [rows, columns]; +Infinity: forbidden. */
export let cost: usize = 0;
/** f64 [columns], and the same rounded to f32 for scans that only look for candidates. */
export let v: usize = 0;
export let rounded: usize = 0;
/** f64 [1]: no |v| is larger. */
export let reach: usize = 0;
/** i32 [rows], i32 [columns] */
export let x: usize = 0;
export let y: usize = 0;
/** f64 [rows]: the certificate's row duals. */
export let u: usize = 0;
/** i32 [rows]: a stack of free rows, used from `next` on; and those that a pass left free. */
export let free: usize = 0;
export let left: usize = 0;
/** i32 [rows]: how many columns have their smallest cost in each row. */
export let claims: usize = 0;
/** f64 [columns]: distances of a search; Infinity between searches. */
export let distance: usize = 0;
/** i32 [columns]: the row from which a column was reached. */
export let previous: usize = 0;
/** i32 [columns]: columns in the order in which they were settled; columns that have a distance. */
export let settled: usize = 0;
export let touched: usize = 0;
/** u8 [columns] */
export let done: usize = 0;
/** f64 [columns]: v during a dense search, -Infinity where settled; distances in the order of `settled`. */
export let open: usize = 0;
export let final: usize = 0;
/** f64 [rows]: distance of a row on the tree less its dual. */
export let base: usize = 0;
/** usize [rows]: where each list begins and ends; f64 [rows]: no other column is cheaper; its next step. */
export let listStart: usize = 0;
export let listEnd: usize = 0;
export let bound: usize = 0;
export let step: usize = 0;
/** The queue: f64 keys, i32 items (columns, then rows), i32 [columns + rows] where each stands (-1: nowhere). */
export let heapKeys: usize = 0;
export let heapItems: usize = 0;
export let heapPlace: usize = 0;
/** Entries that all lists may have together before they count as too wide. */
export let mostEntries: i32 = 0;
/** Two rooms for lists, each with space for so many entries and one more list. */
export let lists: usize = 0;
export let listsRoom: usize = 0;

let at: usize = 0;

function take(bytes: usize): usize {
  const here = at;
  at += (bytes + 31) & ~15; // vectors may be read to 16 bytes past an end
  return here;
}

/**
 * Lays out memory for a problem.
 *
 * @param most entries that all lists may have together
 * @returns the bytes that the memory must have
 */
export function layout(rowCount: i32, columnCount: i32, most: i32): usize {
  rows = rowCount;
  columns = columnCount;
  const r = <usize>rowCount;
  const c = <usize>columnCount;
  at = (__heap_base + 15) & ~15;
  v = take(c * 8);
  rounded = take(c * 4);
  reach = take(8);
  x = take(r * 4);
  y = take(c * 4);
  u = take(r * 8);
  free = take(r * 4);
  left = take(r * 4);
  claims = take(r * 4);
  distance = take(c * 8);
  previous = take(c * 4);
  settled = take(c * 4);
  touched = take(c * 4);
  done = take(c);
  open = take(c * 8);
  final = take(c * 8);
  base = take(r * 8);
  listStart = take(r * 4);
  listEnd = take(r * 4);
  bound = take(r * 8);
  step = take(r * 8);
  heapKeys = take((c + r) * 8);
  heapItems = take((c + r) * 4);
  heapPlace = take((c + r) * 4);
  cost = take(r * c * 4);
  mostEntries = most;
  listsRoom = (<usize>most + c + r + 4) * ENTRY; // every list may be followed by an entry that does not count
  lists = take(2 * listsRoom);
  return at;
}

/** Nobody is paired; v = 0. Between problems of one size only this is needed. */
export function clear(): void {
  memory.fill(v, 0, <usize>columns * 8);
  memory.fill(rounded, 0, <usize>columns * 4);
  store<f64>(reach, 0);
  memory.fill(x, 0xff, <usize>rows * 4);
  memory.fill(y, 0xff, <usize>columns * 4);
  memory.fill(done, 0, <usize>columns);
  memory.fill(heapPlace, 0xff, <usize>(columns + rows) * 4);
  for (let j = 0; j < columns; j++) setF64(distance, j, Infinity);
}

export function vAddress(): usize {
  return v;
}
export function xAddress(): usize {
  return x;
}
export function yAddress(): usize {
  return y;
}
export function uAddress(): usize {
  return u;
}
export function costAddress(): usize {
  return cost;
}

/** v[j] = value, which is never above what it was (but for the start). */
export function setDual(j: i32, value: f64): void {
  setF64(v, j, value);
  setF32(rounded, j, <f32>value);
  const size = abs(value);
  if (size > load<f64>(reach)) store<f64>(reach, size);
}

/** cost[i, j] - v[j] */
export function reducedCost(row: i32, j: i32): f64 {
  return <f64>load<f32>(cost + ((<usize>row * <usize>columns + <usize>j) << 2)) - f64At(v, j);
}

/** Swaps pairs along the path that ends in column `end`, back to row `from`. */
export function flip(from: i32, end: i32): void {
  let j = end;
  for (;;) {
    const i = i32At(previous, j);
    setI32(y, j, i);
    const next = i32At(x, i);
    setI32(x, i, j);
    if (i === from) return;
    j = next;
  }
}
