/**
 * The queue of the sparse core's Dijkstra: a binary min-heap of items with float64 keys, each item in it at most once,
 * in three typed arrays. Twin of assembly/_queue.ts.
 */
export class ItemQueue {
  readonly #keys: Float64Array;
  readonly #items: Int32Array;
  readonly #place: Int32Array; // [items] where each is in the heap; -1: nowhere
  #size = 0;

  /** @param items the items are 0 … items-1 */
  constructor(items: number) {
    this.#keys = new Float64Array(items);
    this.#items = new Int32Array(items);
    this.#place = new Int32Array(items).fill(-1);
  }

  /** The smallest key; Infinity when empty. */
  get topKey(): number {
    return this.#size > 0 ? this.#keys[0]! : Infinity;
  }

  /** Puts an item in, or lowers its key. */
  push(key: number, item: number): void {
    const place = this.#place[item]!;
    this.#rise(place < 0 ? this.#size++ : place, key, item);
  }

  /** Removes the item with the smallest key; there must be one. */
  pop(): number {
    const result = this.#items[0]!;
    this.#place[result] = -1;
    const size = --this.#size;
    if (size > 0) this.#sink(this.#keys[size]!, this.#items[size]!);
    return result;
  }

  /** Takes everything out. */
  empty(): void {
    for (let k = 0; k < this.#size; k++) this.#place[this.#items[k]!] = -1;
    this.#size = 0;
  }

  #rise(at: number, key: number, item: number): void {
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.#keys[parent]!;
      if (above <= key) break;
      this.#put(at, above, this.#items[parent]!);
      at = parent;
    }
    this.#put(at, key, item);
  }

  #sink(key: number, item: number): void {
    const size = this.#size;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#keys[child + 1]! < this.#keys[child]!) child++;
      const below = this.#keys[child]!;
      if (below >= key) break;
      this.#put(at, below, this.#items[child]!);
      at = child;
    }
    this.#put(at, key, item);
  }

  #put(at: number, key: number, item: number): void {
    this.#keys[at] = key;
    this.#items[at] = item;
    this.#place[item] = at;
  }
}
