/**
 * A binary min-heap of items with float64 keys, each item in it at most once. Items are the columns, and behind them
 * the rows. See src/solve/plain/heap.ts.
 */
import { i32At, setI32, f64At, setF64 } from './_arrays';
import { heapItems, heapKeys, heapPlace } from './_state';

let size: i32 = 0;

export function topKey(): f64 {
  return size > 0 ? load<f64>(heapKeys) : Infinity;
}

/** Puts an item in, or lowers its key. */
export function push(key: f64, item: i32): void {
  const place = i32At(heapPlace, item);
  rise(place < 0 ? size++ : place, key, item);
}

/** Removes the item with the smallest key; there must be one. */
export function pop(): i32 {
  const result = load<i32>(heapItems);
  setI32(heapPlace, result, -1);
  size--;
  if (size > 0) sink(f64At(heapKeys, size), i32At(heapItems, size));
  return result;
}

/** Takes everything out. */
export function empty(): void {
  for (let k = 0; k < size; k++) {
    store<i32>(heapPlace + ((<usize>i32At(heapItems, k)) << 2), -1);
  }
  size = 0;
}

function rise(at: i32, key: f64, item: i32): void {
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = f64At(heapKeys, parent);
    if (above <= key) break;
    put(at, above, i32At(heapItems, parent));
    at = parent;
  }
  put(at, key, item);
}

function sink(key: f64, item: i32): void {
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= size) break;
    let below = f64At(heapKeys, child);
    if (child + 1 < size) {
      const other = load<f64>(heapKeys + ((<usize>child) << 3), 8);
      if (other < below) {
        below = other;
        child++;
      }
    }
    if (below >= key) break;
    put(at, below, i32At(heapItems, child));
    at = child;
  }
  put(at, key, item);
}

function put(at: i32, key: f64, item: i32): void {
  setF64(heapKeys, at, key);
  setI32(heapItems, at, item);
  setI32(heapPlace, item, at);
}
