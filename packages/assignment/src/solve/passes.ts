/**
 * The passes over one problem of which both exact solvers are made. They exist twice: in WebAssembly SIMD
 * (wasm-passes.ts, the kernels of assembly/) and in plain TypeScript (plain/). The solvers (jonker-volgenant.ts,
 * sparse-core.ts) say which pass comes when; they cannot tell the two apart.
 *
 * Both compute reduced costs `cost - v` in float64 and break ties alike, so they make the same pairing, bit for bit:
 * where columns are equally good, a free one is taken, and among those the one with the lowest number; where rows are
 * equally good, the one with the lower number has its turn first.
 */
import { type Matching } from './problem.ts';

/** What a pass reads: the sparse core's lists, or the whole matrix. */
export type Over = 'lists' | 'matrix';

/** Instead of a number of rows: a row has no allowed column; the lists have become too wide to go on with. */
export const NO_COLUMN = -1;
export const TOO_WIDE = -2;

export interface Passes {
  /** Whether every cost is a finite number. */
  allFinite(): boolean;

  /**
   * v[j] = the smallest cost of column j, and the row where it first stands takes one of its columns. Square only.
   *
   * @returns how many rows have no column; ~j where column j is forbidden to every row
   */
  columnReduction(): number;
  /**
   * v[j] = mean of column j less the mean of all, over every `stride`th row. Finite costs only, square only.
   *
   * @returns the share of the variance within rows that v explains
   */
  centre(stride: number): number;
  /** The standard deviation of costs within rows, as {@link centre} saw it. */
  readonly spread: number;
  /** Puts every row among the free ones. @returns how many rows are free */
  freeEveryRow(): number;

  /**
   * Makes the sparse core: a list of each row's cheapest columns by the duals as they stand.
   *
   * @param z quantile of the standard normal distribution where a row's first limit is guessed
   * @param widest columns that a list may have on average
   * @returns whether the lists are narrow enough to be of use
   */
  buildLists(z: number, widest: number): boolean;

  /** After {@link columnReduction}: a row that only one column chose gives its slack to that column. Returns free rows. */
  transferReduction(over: Over): number;
  /**
   * Begins an augmenting row reduction over the first `free` free rows.
   *
   * @param cuts how often it may lower a price
   * @param epsilon what a price is lowered by beyond the row's second best; pairs then are within ε of tight
   */
  beginReduction(free: number, cuts: number, epsilon: number): void;
  /** Goes on with it for so many rows. @returns how many rows still wait, {@link NO_COLUMN} or {@link TOO_WIDE} */
  reduceRows(over: Over, scans: number): number;
  /** How often it may still lower a price. */
  readonly cutsLeft: number;
  /** Ends it; rows that still wait stay free. @returns how many rows are free */
  endReduction(): number;

  /**
   * Frees every row whose pair is not its cheapest by the duals as they stand. Square only: a column that becomes free
   * keeps its dual.
   *
   * @returns how many rows are free, or {@link TOO_WIDE}
   */
  releaseRows(over: Over): number;

  /**
   * Pairs the free rows at positions `from` up to `to` along shortest alternating paths, one after another.
   *
   * @returns the position it came to (before `to`: lists became too wide); ~position of a row that can reach no column
   */
  augment(over: Over, from: number, to: number): number;
  /** The free row at a position. */
  freeRow(position: number): number;
  /** The row that {@link NO_COLUMN} is about. */
  failedRow(): number;
  /** How many columns the last augmentation had settled when it found no way on. */
  reachedColumns(over: Over): number;

  /** A copy of the matching as it stands. */
  matching(): Matching;
  /** [rows] The smallest cost[i, j] - v[j] of each row; what the solver knew is lost. */
  rowDuals(v: Float64Array): Float64Array;
}
