/**
 * What every solver is given and what it must hand back, so that one certificate (certificate.ts) judges them all.
 *
 * Symbols are Jonker and Volgenant's ("A Shortest Augmenting Path Algorithm for Dense and Sparse Linear Assignment
 * Problems", Computing 38, 1987): x[i] = the column of row i, y[j] = the row of column j (-1: none), u and v = the
 * dual variables of rows and columns.
 */

import { type Passes } from './passes.ts';
import { type SinkhornOptions, type SinkhornReport } from './sinkhorn.ts';

/** A dense row-major matrix of costs, `[rows, columns]`. */
export type Costs = Float32Array | Float64Array;

/** A validated problem: minimise; rows ≤ columns; entries are finite, or +Infinity where `forbidden` says so. */
export interface Problem {
  readonly cost: Costs; // [rows, columns]
  readonly rows: number;
  readonly columns: number;
  /** Whether any entry is +Infinity: a pair that must not be made. */
  readonly forbidden: boolean;
  /** Whether the time is up. A solver asks now and then, and from then on hands back what it has. */
  readonly outOfTime: () => boolean;
}

/**
 * A solver's answer. With v feasible (no v[j] above 0 on a column that is left over) each row's pair has the smallest
 * reduced cost `cost - v` of its row when the pairing is optimal; nothing here is trusted before it is certified. Rows
 * for which the time did not last are left at -1.
 */
export interface Matching {
  readonly x: Int32Array; // [rows]
  readonly y: Int32Array; // [columns]
  readonly v: Float64Array; // [columns]
  /** What `sinkhorn` has to report. */
  readonly sinkhorn?: SinkhornReport;
}

/** An empty matching: nobody paired, v = 0. */
export function emptyMatching(rows: number, columns: number): Matching {
  return {
    x: new Int32Array(rows).fill(-1),
    y: new Int32Array(columns).fill(-1),
    v: new Float64Array(columns),
  };
}

/**
 * One algorithm. It reads the problem only.
 *
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export type Solver = (problem: Problem, settings: SolverSettings) => Matching;

/** What is not for every algorithm. */
export interface SolverSettings {
  /** The problem, loaded, for solvers made of passes; they load it themselves when it is not given. */
  readonly passes?: Passes | undefined;
  readonly sinkhorn?: SinkhornOptions | undefined;
}
