/**
 * The augmentation of the sparse core: Dijkstra's shortest alternating path over short lists (core-lists.ts).
 *
 * The queue holds columns by distance and, for each row on the tree, the distance at which its unlisted columns could
 * begin; when that comes first, the row is widened and its new columns join. So the path is a shortest one of the
 * dense matrix, whatever the lists hold. Twin of assembly/_search.ts.
 */
import { flip } from '../augment.ts';
import { type CoreLists } from './core-lists.ts';
import { ItemQueue } from './queue.ts';
import { type State } from './state.ts';

export class ListPath {
  readonly #state: State;
  readonly #lists: CoreLists;
  readonly #distance: Float64Array; // [columns], Infinity between searches
  readonly #previous: Int32Array; // [columns], the row from which a column was reached
  readonly #done: Uint8Array; // [columns], 0 between searches
  readonly #base: Float64Array; // [rows], distance of a row less its dual
  readonly #queue: ItemQueue; // columns, and behind them rows
  readonly #touched: Int32Array;
  readonly #settled: Int32Array;
  #touchedCount = 0;
  #settledCount = 0;
  /** The nearest free column so far. */
  #end = -1;
  #length = Infinity;

  constructor(state: State, lists: CoreLists) {
    const { rows, columns } = state;
    this.#state = state;
    this.#lists = lists;
    this.#distance = new Float64Array(columns).fill(Infinity);
    this.#previous = new Int32Array(columns);
    this.#done = new Uint8Array(columns);
    this.#base = new Float64Array(rows);
    this.#queue = new ItemQueue(columns + rows);
    this.#touched = new Int32Array(columns);
    this.#settled = new Int32Array(columns);
  }

  get reachedColumns(): number {
    return this.#settledCount;
  }

  /** See `Passes.augment`. */
  augment(from: number, to: number): number {
    for (let at = from; at < to; at++) {
      if (!this.#lists.hasRoom() || !this.#search(this.#state.free[at]!)) return at;
      if (this.#end < 0) return ~at;
    }
    return to;
  }

  /** Returns false when the lists became too wide: then nothing has changed. */
  #search(from: number): boolean {
    const { cost, columns, x, y, v } = this.#state;
    const d = this.#distance;
    const queue = this.#queue;
    this.#touchedCount = 0;
    this.#settledCount = 0;
    this.#end = -1;
    this.#length = Infinity;
    this.#base[from] = 0;
    this.#relax(from);
    let complete = true;
    while (queue.topKey < this.#length) {
      const key = queue.topKey;
      const item = queue.pop();
      if (item >= columns) {
        if (!this.#lists.hasRoom()) {
          complete = false;
          break;
        }
        this.#lists.widen(item - columns);
        this.#relax(item - columns);
        continue;
      }
      this.#done[item] = 1;
      this.#settled[this.#settledCount++] = item;
      const row = y[item]!;
      this.#base[row] = key - (cost[row * columns + item]! - v[item]!);
      this.#relax(row);
    }
    queue.empty();
    const found = complete && this.#end >= 0;
    for (let s = 0; s < this.#settledCount; s++) {
      const j = this.#settled[s]!;
      this.#done[j] = 0;
      const change = d[j]! - this.#length;
      if (found && change < 0) v[j] = v[j]! + change;
    }
    for (let t = 0; t < this.#touchedCount; t++) d[this.#touched[t]!] = Infinity;
    if (found) flip(x, y, this.#previous, from, this.#end);
    return complete;
  }

  /** Offers a row's listed columns, and the distance from which its unlisted ones might count. */
  #relax(row: number): void {
    const { columns, y, v } = this.#state;
    const { index, value } = this.#lists;
    const d = this.#distance;
    const base = this.#base[row]!;
    let length = this.#length;
    for (let e = this.#lists.start[row]!, last = this.#lists.end[row]!; e < last; e++) {
      const j = index[e]!;
      const through = value[e]! - v[j]! + base;
      const known = d[j]!;
      if (through >= known || through >= length || this.#done[j] === 1) continue;
      if (known === Infinity) this.#touched[this.#touchedCount++] = j;
      d[j] = through;
      this.#previous[j] = row;
      if (y[j]! < 0) {
        this.#end = j;
        this.#length = length = through;
      } else {
        this.#queue.push(through, j);
      }
    }
    const outside = this.#lists.bound[row]! + base;
    if (outside < length) this.#queue.push(outside, columns + row);
  }
}
