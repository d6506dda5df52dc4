/**
 * The augmentation of the sparse core: Dijkstra's shortest alternating path over short lists (core-lists.ts).
 *
 * The queue holds columns by distance and, for each row on the tree, the distance at which its unlisted columns could
 * begin; when that comes first, the row is widened and its new columns join. So the path is a shortest one of the
 * dense matrix, whatever the lists hold.
 */
import { flip, infeasible } from './augment.ts';
import { type CoreLists } from './core-lists.ts';
import { KeyHeap } from './heap.ts';
import { type Matching, type Problem } from './problem.ts';

export class CorePath {
  readonly #problem: Problem;
  readonly #matching: Matching;
  readonly #lists: CoreLists;
  readonly #distance: Float64Array; // [columns], Infinity between augmentations
  readonly #previous: Int32Array; // [columns]
  readonly #done: Uint8Array; // [columns], 0 between augmentations
  readonly #base: Float64Array; // [rows], distance of a row minus its dual
  readonly #heap: KeyHeap;
  readonly #touched: Int32Array;
  readonly #scanned: Int32Array;
  #touchedCount = 0;
  /** The nearest free column so far. */
  #end = -1;
  #length = Infinity;

  constructor(problem: Problem, matching: Matching, lists: CoreLists) {
    const { rows, columns } = problem;
    this.#problem = problem;
    this.#matching = matching;
    this.#lists = lists;
    this.#distance = new Float64Array(columns).fill(Infinity);
    this.#previous = new Int32Array(columns);
    this.#done = new Uint8Array(columns);
    this.#base = new Float64Array(rows);
    this.#heap = new KeyHeap(4 * columns + 64);
    this.#touched = new Int32Array(columns);
    this.#scanned = new Int32Array(columns);
  }

  /**
   * Pairs row `free` with a column and updates the duals; every row that was paired stays paired.
   *
   * @throws AssignmentError `infeasible` when no column can be reached through allowed pairs
   */
  augment(free: number): void {
    const { cost, columns } = this.#problem;
    const { x, y, v } = this.#matching;
    const d = this.#distance;
    const heap = this.#heap;
    heap.clear();
    this.#touchedCount = 0;
    this.#end = -1;
    this.#length = Infinity;
    let scannedCount = 0;
    this.#base[free] = 0;
    this.#relax(free);
    while (heap.top < this.#length) {
      const key = heap.top;
      const item = heap.pop();
      if (item < 0) {
        const row = -1 - item;
        this.#lists.widen(row);
        this.#relax(row);
        continue;
      }
      if (this.#done[item] === 1 || key > d[item]!) continue;
      this.#done[item] = 1;
      this.#scanned[scannedCount++] = item;
      const row = y[item]!;
      this.#base[row] = key - (cost[row * columns + item]! - v[item]!);
      this.#relax(row);
    }
    if (this.#end < 0) throw infeasible(free, scannedCount);
    for (let s = 0; s < scannedCount; s++) {
      const j = this.#scanned[s]!;
      v[j] = v[j]! + (d[j]! - this.#length);
      this.#done[j] = 0;
    }
    for (let t = 0; t < this.#touchedCount; t++) d[this.#touched[t]!] = Infinity;
    flip(x, y, this.#previous, free, this.#end);
  }

  /** Offers a row's listed columns, and the distance from which its unlisted ones might count. */
  #relax(row: number): void {
    const { y, v } = this.#matching;
    const { index, value } = this.#lists;
    const d = this.#distance;
    const done = this.#done;
    const base = this.#base[row]!;
    let length = this.#length;
    for (let e = this.#lists.start[row]!, last = this.#lists.end[row]!; e < last; e++) {
      const j = index[e]!;
      const through = value[e]! - v[j]! + base;
      const dj = d[j]!;
      if (through < dj && through < length && done[j] === 0) {
        if (dj === Infinity) this.#touched[this.#touchedCount++] = j;
        d[j] = through;
        this.#previous[j] = row;
        if (y[j]! < 0) {
          this.#end = j;
          this.#length = length = through;
        } else {
          this.#heap.push(through, j);
        }
      }
    }
    const outside = this.#lists.bound[row]! + base;
    if (outside < length) this.#heap.push(outside, -1 - row);
  }
}
