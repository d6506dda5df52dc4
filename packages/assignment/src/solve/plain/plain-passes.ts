/**
 * The passes in plain TypeScript: for engines without WebAssembly SIMD, for costs that float32 cannot hold, and for the
 * tests, which hold the kernels against them.
 */
import { augmentRow, augmentScratch, type AugmentScratch } from '../augment.ts';
import { type Over, type Passes } from '../passes.ts';
import { type Costs, type Matching } from '../problem.ts';
import { CoreLists } from './core-lists.ts';
import { ListPath } from './list-path.ts';
import { RowReduction } from './row-reduction.ts';
import { allFinite, centre, columnReduction } from './start.ts';
import { newState, type State } from './state.ts';

export class PlainPasses implements Passes {
  readonly #state: State;
  readonly #lists: CoreLists;
  readonly #reduction: RowReduction;
  readonly #path: ListPath;
  #scratch: AugmentScratch | undefined;

  /** @param mostEntries entries that all lists may have together */
  constructor(cost: Costs, rows: number, columns: number, mostEntries: number) {
    this.#state = newState(cost, rows, columns);
    this.#lists = new CoreLists(this.#state, mostEntries);
    this.#reduction = new RowReduction(this.#state);
    this.#path = new ListPath(this.#state, this.#lists);
  }

  allFinite(): boolean {
    return allFinite(this.#state.cost);
  }

  columnReduction(): number {
    return columnReduction(this.#state);
  }

  centre(stride: number): number {
    return centre(this.#state, stride);
  }

  get spread(): number {
    return this.#state.spread;
  }

  freeEveryRow(): number {
    const { free, rows } = this.#state;
    for (let i = 0; i < rows; i++) free[i] = i;
    return rows;
  }

  buildLists(z: number, widest: number): boolean {
    return this.#lists.build(z, widest);
  }

  transferReduction(over: Over): number {
    return this.#reduction.transfer(this.#over(over));
  }

  beginReduction(free: number, cuts: number, epsilon: number): void {
    this.#reduction.begin(free, cuts, epsilon);
  }

  reduceRows(over: Over, scans: number): number {
    return this.#reduction.run(this.#over(over), scans);
  }

  get cutsLeft(): number {
    return this.#reduction.cutsLeft;
  }

  endReduction(): number {
    return this.#reduction.end();
  }

  releaseRows(over: Over): number {
    return this.#reduction.release(this.#over(over));
  }

  augment(over: Over, from: number, to: number): number {
    if (over === 'lists') return this.#path.augment(from, to);
    this.#scratch ??= augmentScratch(this.#state.columns);
    for (let at = from; at < to; at++) {
      if (!augmentRow(this.#state, this.#state.free[at]!, this.#scratch)) return ~at;
    }
    return to;
  }

  freeRow(position: number): number {
    return this.#state.free[position]!;
  }

  failedRow(): number {
    return this.#reduction.failedRow;
  }

  reachedColumns(over: Over): number {
    return over === 'lists' ? this.#path.reachedColumns : (this.#scratch?.settledCount ?? 0);
  }

  matching(): Matching {
    const { x, y, v } = this.#state;
    return { x: x.slice(), y: y.slice(), v: v.slice() };
  }

  rowDuals(v: Float64Array): Float64Array {
    const { cost, rows, columns } = this.#state;
    const u = new Float64Array(rows);
    for (let i = 0; i < rows; i++) {
      const o = i * columns;
      let smallest = Infinity;
      for (let j = 0; j < columns; j++) {
        const reduced = cost[o + j]! - v[j]!;
        if (reduced < smallest) smallest = reduced;
      }
      u[i] = smallest;
    }
    return u;
  }

  #over(over: Over): CoreLists | undefined {
    return over === 'lists' ? this.#lists : undefined;
  }
}
