/**
 * The public entry to the solvers: checks the matrix, turns it as the solvers want it, solves, certifies.
 */
import { AssignmentError } from '../errors.ts';
import { chooseSolver, type SolverName, solverNames, solvers } from './auto.ts';
import { certify } from './certificate.ts';
import { choosePasses } from './choose-passes.ts';
import { complete } from './complete.ts';
import { orient } from './orient.ts';
import { type Costs, type Problem } from './problem.ts';
import { type SinkhornOptions, type SinkhornReport } from './sinkhorn.ts';
import { WasmPasses } from './wasm-passes.ts';

export interface SolveOptions {
  /** `auto` (default) chooses an exact one by size; `greedy` and `sinkhorn` prove a bound only. */
  readonly solver?: 'auto' | SolverName;
  /** Look for the largest total instead of the smallest; then -Infinity forbids a pair. */
  readonly maximise?: boolean;
  /**
   * Milliseconds from the call on after which the best pairing so far is completed and handed back with its bound. The
   * clock is looked at between passes, so that answers come later by up to a few passes over the matrix.
   */
  readonly deadline?: number;
  /** For the solver `sinkhorn`. */
  readonly sinkhorn?: SinkhornOptions;
}

export interface AssignmentSolution {
  /** [rows] The column of each row; all different, but for rows that stay over where there are more than columns: -1. */
  readonly pairing: Int32Array;
  /** Σ cost[i, pairing[i]], summed in float64. */
  readonly cost: number;
  /**
   * [rows], [columns] Dual variables: u[i] + v[j] ≤ cost[i, j] (≥ when maximising) for every pair. What may stay over
   * (the larger side) has none above (below) 0.
   */
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
 * Ties: where columns are equally good, a free one is taken, and among those the one with the lowest number. The same
 * matrix has the same answer everywhere, with WebAssembly and without; only a deadline can change it.
 *
 * @param rows at least 1
 * @param columns at least 1 (default: `rows`). Of the larger side some stay over
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
  const { maximise = false } = options;
  checkSize(cost, rows, columns);
  const { solver: wanted, deadline } = checkOptions(options);
  const transpose = rows > columns;
  const turned = orient(cost, rows, columns, { transpose, negate: maximise });
  const [short, long] = transpose ? [columns, rows] : [rows, columns];
  try {
    const passes = choosePasses(turned, short, long);
    const problem: Problem = {
      cost: turned,
      rows: short,
      columns: long,
      forbidden: !passes.allFinite() && hasForbidden(cost, columns, maximise ? -Infinity : Infinity),
      outOfTime: deadline === Infinity ? () => false : () => performance.now() - began >= deadline,
    };
    const solver = wanted === 'auto' ? chooseSolver(problem) : wanted;
    const matching = solvers[solver](problem, { passes, sinkhorn: options.sinkhorn });
    complete(problem, matching);
    const { u, v, ...certificate } = certify(problem, matching, passes);
    const sign = maximise ? -1 : 1;
    if (maximise) for (const duals of [u, v]) duals.forEach((dual, k) => (duals[k] = -dual));
    return {
      pairing: transpose ? matching.y : matching.x,
      cost: sign * certificate.cost,
      u: transpose ? v : u,
      v: transpose ? u : v,
      dualBound: sign * certificate.dualBound,
      gap: certificate.gap,
      exact: certificate.exact,
      milliseconds: performance.now() - began,
      solver,
      ...(matching.sinkhorn && { sinkhorn: matching.sinkhorn }),
    };
  } finally {
    WasmPasses.release();
  }
}

function checkOptions({ solver = 'auto', deadline = Infinity }: SolveOptions): {
  readonly solver: 'auto' | SolverName;
  readonly deadline: number;
} {
  if (solver !== 'auto' && !Object.hasOwn(solvers, solver)) {
    throw new AssignmentError(
      'invalid-option',
      `solveAssignment: solver must be one of ${['auto', ...solverNames]
        .map((name) => `'${name}'`)
        .join(', ')}, got ${JSON.stringify(solver)}`,
    );
  }
  if (!(deadline >= 0)) {
    throw new AssignmentError(
      'invalid-option',
      `solveAssignment: deadline must be a number of milliseconds from 0 on, got ${deadline}`,
    );
  }
  return { solver, deadline };
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
