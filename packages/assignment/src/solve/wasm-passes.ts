/**
 * The passes in WebAssembly SIMD (assembly/solve.ts), for costs that are float32 or fit it.
 *
 * There is one memory a thread, used again by every call; what a call leaves there means nothing to the next, and none
 * can interrupt another. One that had to grow large is given back after the call.
 */
import { ensureMemory, instantiateKernel, type Kernel } from '../wasm/instantiate.ts';
import { solveWasm } from '../wasm/solve.generated.ts';
import { type Over, type Passes } from './passes.ts';
import { type Costs, type Matching } from './problem.ts';

/** Memory up to this size is kept for the next call: batches up to 4096. */
const KEPT_BYTES = 96 * 2 ** 20;
/** What WebAssembly can address. */
const LARGEST_BYTES = 2 ** 32 - 2 ** 16;

interface SolveKernel extends Kernel {
  layout(rows: number, columns: number, mostEntries: number): number;
  clear(): void;
  costAddress(): number;
  vAddress(): number;
  uAddress(): number;
  xAddress(): number;
  yAddress(): number;
  allFinite(): number;
  columnReduction(): number;
  centre(stride: number): number;
  spread(): number;
  freeEveryRow(): number;
  buildLists(z: number, widest: number): number;
  transferReduction(overLists: boolean): number;
  beginPass(free: number, cuts: number, epsilon: number): void;
  reduceRows(overLists: boolean, scans: number): number;
  endPass(): number;
  cutsLeft(): number;
  releaseRows(overLists: boolean): number;
  augmentOverLists(from: number, to: number): number;
  augmentDense(from: number, to: number): number;
  freeRow(position: number): number;
  failedRow(): number;
  reachedColumns(): number;
  reachedDenseColumns(): number;
  rowDuals(): void;
}

let kept: SolveKernel | undefined;

/** The largest i32: counts in the kernel are no larger. */
const LARGEST_COUNT = 2 ** 31 - 1;

export class WasmPasses implements Passes {
  readonly #kernel: SolveKernel;
  readonly #rows: number;
  readonly #columns: number;

  private constructor(kernel: SolveKernel, rows: number, columns: number) {
    this.#kernel = kernel;
    this.#rows = rows;
    this.#columns = columns;
  }

  /**
   * Copies the costs into the kernel's memory. What was loaded before is lost, so one problem at a time.
   *
   * @returns undefined where there is no WebAssembly SIMD, no memory that large, or a cost that float32 cannot hold
   */
  static load(cost: Costs, rows: number, columns: number, mostEntries: number): WasmPasses | undefined {
    // A bound from above for the layout, which is computed in 32 bits.
    if (4 * cost.length + 16 * mostEntries + 256 * (rows + columns) > LARGEST_BYTES) return undefined;
    kept ??= instantiateKernel<SolveKernel>(solveWasm);
    if (kept === undefined) return undefined;
    const kernel = kept;
    try {
      ensureMemory(kernel, kernel.layout(rows, columns, mostEntries) >>> 0);
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
    const copy = new Float32Array(kernel.memory.buffer, kernel.costAddress() >>> 0, cost.length);
    copy.set(cost);
    if (cost instanceof Float64Array)
      for (let e = 0; e < cost.length; e++) if (copy[e] !== cost[e]) return undefined;
    kernel.clear();
    return new WasmPasses(kernel, rows, columns);
  }

  /** After a call: gives a large memory back. */
  static release(): void {
    if (kept !== undefined && kept.memory.buffer.byteLength > KEPT_BYTES) kept = undefined;
  }

  /** Bytes that are held for the next call. */
  static get heldBytes(): number {
    return kept?.memory.buffer.byteLength ?? 0;
  }

  allFinite(): boolean {
    return this.#kernel.allFinite() !== 0;
  }

  columnReduction(): number {
    return this.#kernel.columnReduction();
  }

  centre(stride: number): number {
    return this.#kernel.centre(stride);
  }

  get spread(): number {
    return this.#kernel.spread();
  }

  freeEveryRow(): number {
    return this.#kernel.freeEveryRow();
  }

  buildLists(z: number, widest: number): boolean {
    return this.#kernel.buildLists(z, widest) !== 0;
  }

  transferReduction(over: Over): number {
    return this.#kernel.transferReduction(over === 'lists');
  }

  beginReduction(free: number, cuts: number, epsilon: number): void {
    this.#kernel.beginPass(free, Math.min(cuts, LARGEST_COUNT), epsilon);
  }

  reduceRows(over: Over, scans: number): number {
    return this.#kernel.reduceRows(over === 'lists', scans);
  }

  get cutsLeft(): number {
    return this.#kernel.cutsLeft();
  }

  endReduction(): number {
    return this.#kernel.endPass();
  }

  releaseRows(over: Over): number {
    return this.#kernel.releaseRows(over === 'lists');
  }

  augment(over: Over, from: number, to: number): number {
    return over === 'lists' ? this.#kernel.augmentOverLists(from, to) : this.#kernel.augmentDense(from, to);
  }

  freeRow(position: number): number {
    return this.#kernel.freeRow(position);
  }

  failedRow(): number {
    return this.#kernel.failedRow();
  }

  reachedColumns(over: Over): number {
    return over === 'lists' ? this.#kernel.reachedColumns() : this.#kernel.reachedDenseColumns();
  }

  matching(): Matching {
    const kernel = this.#kernel;
    const { buffer } = kernel.memory;
    return {
      x: new Int32Array(buffer, kernel.xAddress() >>> 0, this.#rows).slice(),
      y: new Int32Array(buffer, kernel.yAddress() >>> 0, this.#columns).slice(),
      v: new Float64Array(buffer, kernel.vAddress() >>> 0, this.#columns).slice(),
    };
  }

  rowDuals(v: Float64Array): Float64Array {
    const kernel = this.#kernel;
    const { buffer } = kernel.memory;
    new Float64Array(buffer, kernel.vAddress() >>> 0, this.#columns).set(v);
    kernel.rowDuals();
    return new Float64Array(buffer, kernel.uAddress() >>> 0, this.#rows).slice();
  }
}
