/**
 * Which of the two sets of passes works on a problem: WebAssembly where it can, plain TypeScript elsewhere.
 */
import { PlainPasses } from './plain/plain-passes.ts';
import { type Passes } from './passes.ts';
import { type Costs } from './problem.ts';
import { WasmPasses } from './wasm-passes.ts';

/** Entries a row that all lists may have on average: more cost as much as the matrix, or too much memory. */
const MOST_PER_ROW = 256;
/** … or this share of the columns, where there are few. */
const MOST_SHARE = 0.25;

/** Loads a problem; see {@link WasmPasses.load}. */
export function choosePasses(cost: Costs, rows: number, columns: number): Passes {
  const most = mostEntries(rows, columns);
  return WasmPasses.load(cost, rows, columns, most) ?? new PlainPasses(cost, rows, columns, most);
}

/** Entries that all lists may have together. */
export function mostEntries(rows: number, columns: number): number {
  return rows * Math.min(MOST_PER_ROW, Math.max(16, Math.floor(MOST_SHARE * columns)));
}
