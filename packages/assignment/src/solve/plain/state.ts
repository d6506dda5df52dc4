/**
 * What the plain passes share: the problem, its matching, and the stack of free rows.
 */
import { type Costs, emptyMatching, type Matching } from '../problem.ts';

export interface State extends Matching {
  readonly cost: Costs; // [rows, columns]
  readonly rows: number;
  readonly columns: number;
  /** [rows] Free rows, as many as the last pass returned. */
  readonly free: Int32Array;
  /** [rows] How many columns have their smallest cost in each row. */
  readonly claims: Int32Array;
  /** The standard deviation of costs within rows, as centring saw it. */
  spread: number;
}

export function newState(cost: Costs, rows: number, columns: number): State {
  return {
    cost,
    rows,
    columns,
    ...emptyMatching(rows, columns),
    free: new Int32Array(rows),
    claims: new Int32Array(rows),
    spread: 0,
  };
}
