/**
 * The public entry to the solvers: checks the matrix, turns a maximisation round, solves, certifies.
 */
import { AssignmentError } from '../errors.ts';
import { chooseSolver, type SolverName, solverNames, solvers } from './auto.ts';
import { certify } from './certificate.ts';
import { type Costs, type Problem } from './problem.ts';
import { type SinkhornOptions, type SinkhornReport } from './sinkhorn.ts';

export interface SolveOptions {
  /** `auto` (default) chooses an exact one by size; `greedy` and `sinkhorn` prove a bound only. */
  readonly solver?: 'auto' | SolverName;
  /** Look for the largest total instead of the smallest; then -Infinity forbids a pair. */
  readonly maximise?: boolean;
  /** For the solver `sinkhorn`. */
  readonly sinkhorn?: SinkhornOptions;
}

export interface AssignmentSolution {
  /** [rows] The column of each row; all different. */
  readonly pairing: Int32Array;
  /** Σ cost[i, pairing[i]], summed in float64. */
  readonly cost: number;
  /** [rows], [columns] Dual variables: u[i] + v[j] ≤ cost[i, j] (≥ when maximising) for every pair. */
  readonly u: Float64Array;
  readonly v: Float64Array;
  /** No pairing can cost less (when maximising: more) than this. */
  readonly dualBound: number;
  /** |cost - dualBound|, never negative. */
  readonly gap: number;
  /** Whether the gap is zero to rounding, so that the pairing is proved optimal. */
  readonly exact: boolean;
  readonly milliseconds: number;
  /** The solver that ran. */
  readonly solver: SolverName;
  /** Present with the solver `sinkhorn`. */
  readonly sinkhorn?: SinkhornReport;
}

/**
 * The pairing of rows with columns that has the smallest total cost, with its proof.
 *
 * @param cost row-major `[rows, columns]`, read only; +Infinity forbids a pair, every other entry is finite
 * @param rows at least 1
 * @param columns at least `rows` (default: `rows`); columns that stay over get no row
 * @throws AssignmentError `invalid-size`, `invalid-option`, `not-finite` (NaN or the wrong infinity), `infeasible`
 *   (every complete pairing uses a forbidden pair)
 */
export function solveAssignment(
  cost: Costs,
  rows: number,
  columns: number = rows,
  options: SolveOptions = {},
): AssignmentSolution {
  const began = performance.now();
  const { solver: wanted = 'auto', maximise = false } = options;
  checkSize(cost, rows, columns);
  if (wanted !== 'auto' && !Object.hasOwn(solvers, wanted)) {
    throw new AssignmentError(
      'invalid-option',
      `solveAssignment: solver must be one of ${['auto', ...solverNames]
        .map((name) => `'${name}'`)
        .join(', ')}, got ${JSON.stringify(wanted)}`,
    );
  }
  const forbidden = hasForbidden(cost, columns, maximise ? -Infinity : Infinity);
  const problem: Problem = {
    cost: maximise ? cost.map((c) => -c) : cost,
    rows,
    columns,
    forbidden,
    outOfTime: () => false,
  };
  const solver = wanted === 'auto' ? chooseSolver(problem) : wanted;
  const matching = solvers[solver](problem, { sinkhorn: options.sinkhorn });
  const certificate = certify(problem, matching);
  const sign = maximise ? -1 : 1;
  return {
    pairing: matching.x,
    cost: sign * certificate.cost,
    u: maximise ? certificate.u.map((c) => -c) : certificate.u,
    v: maximise ? certificate.v.map((c) => -c) : certificate.v,
    dualBound: sign * certificate.dualBound,
    gap: certificate.gap,
    exact: certificate.exact,
    milliseconds: performance.now() - began,
    solver,
    ...(matching.sinkhorn && { sinkhorn: matching.sinkhorn }),
  };
}

function checkSize(cost: Costs, rows: number, columns: number): void {
  if (!(cost instanceof Float32Array || cost instanceof Float64Array)) {
    throw new AssignmentError(
      'invalid-size',
      `solveAssignment: cost must be a Float32Array or Float64Array, got ${describe(cost)}; copy it into one, row by row`,
    );
  }
  for (const [name, value] of [
    ['rows', rows],
    ['columns', columns],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new AssignmentError(
        'invalid-size',
        `solveAssignment: ${name} must be a whole number from 1 on, got ${value}`,
      );
    }
  }
  if (rows > columns) {
    throw new AssignmentError(
      'invalid-size',
      `solveAssignment: every row needs a column of its own, got ${rows} rows and ${columns} columns; pass the ` +
        'transposed matrix',
    );
  }
  if (cost.length !== rows * columns) {
    throw new AssignmentError(
      'invalid-size',
      `solveAssignment: a ${rows} × ${columns} matrix has ${rows * columns} costs, got ${cost.length}`,
    );
  }
}

function describe(value: unknown): string {
  if (value === null || typeof value !== 'object') return typeof value;
  return value.constructor.name;
}

/** Whether a pair is forbidden; throws for what is neither finite nor that infinity. */
function hasForbidden(cost: Costs, columns: number, forbiddenValue: number): boolean {
  // Anything not finite makes one of four running sums not finite: the common case costs one pass of additions.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  let at = 0;
  for (; at + 3 < cost.length; at += 4) {
    s0 += cost[at]!;
    s1 += cost[at + 1]!;
    s2 += cost[at + 2]!;
    s3 += cost[at + 3]!;
  }
  for (; at < cost.length; at++) s0 += cost[at]!;
  if (Number.isFinite(s0 + s1 + s2 + s3)) return false;
  let forbidden = false;
  for (let e = 0; e < cost.length; e++) {
    const c = cost[e]!;
    if (c === forbiddenValue) {
      forbidden = true;
    } else if (!Number.isFinite(c)) {
      throw new AssignmentError(
        'not-finite',
        `solveAssignment: costs must be finite, or ${forbiddenValue} for a forbidden pair; got ${c} at row ` +
          `${Math.floor(e / columns)}, column ${e % columns}; look at the vectors it was computed from`,
      );
    }
  }
  return forbidden;
}
