/**
 * The certificate: what a pairing costs and how far from the optimum it can be, from the column duals and the dense
 * matrix alone. No solver is believed: a wrong pairing has a gap.
 *
 * Linear programming duality: with u[i] = min over j of (cost[i, j] - v[j]) and v[j] ≤ 0 on columns left over, the
 * sum of u and v is at most the cost of any pairing. The gap is summed as the slack of each pair, which is never
 * negative and does not cancel.
 */
import { AssignmentError } from '../errors.ts';
import { choosePasses } from './choose-passes.ts';
import { type Passes } from './passes.ts';
import { type Matching, type Problem } from './problem.ts';

export interface Certificate {
  readonly cost: number;
  readonly dualBound: number;
  readonly gap: number;
  readonly exact: boolean;
  readonly u: Float64Array; // [rows]
  readonly v: Float64Array; // [columns]
}

/**
 * Certifies a matching of a minimisation problem.
 *
 * @param passes the problem, loaded; what a solver left there is not looked at
 * `exact` allows for rounding only: gap ≤ 2^-52 (64 + rows) Σ (|cost| + |v|) over the pairs, the size of the error
 * that one dual variable gathers when every augmentation rounds it once.
 *
 * @throws AssignmentError `solver-failure` when the matching is not one column for each row, or costs overflow float64
 */
export function certify(
  problem: Problem,
  matching: Matching,
  passes: Passes = choosePasses(problem.cost, problem.rows, problem.columns),
): Certificate {
  const { cost, rows, columns } = problem;
  const { x, y } = matching;
  const v = matching.v.slice();
  // Only a square problem lets v be positive: another pairing might leave that very column over.
  if (rows < columns) for (let j = 0; j < columns; j++) if (v[j]! > 0) v[j] = 0;
  const u = passes.rowDuals(v);
  let total = 0;
  let gap = 0;
  let magnitude = 0;
  for (let i = 0; i < rows; i++) {
    const column = x[i]!;
    if (y[column] !== i) {
      throw new AssignmentError(
        'solver-failure',
        `solveAssignment: row ${i} was left without a column of its own`,
      );
    }
    const own = cost[i * columns + column]!;
    total += own;
    gap += own - v[column]! - u[i]!;
    magnitude += Math.abs(own) + Math.abs(v[column]!);
  }
  if (rows < columns) for (let j = 0; j < columns; j++) if (y[j]! < 0) gap -= v[j]!;
  if (!Number.isFinite(total) || !Number.isFinite(gap)) {
    throw new AssignmentError(
      'solver-failure',
      `solveAssignment: the cost sums to ${total} with a gap of ${gap}; scale the costs down to where float64 can add them`,
    );
  }
  const exact = gap <= 2 ** -52 * (64 + rows) * magnitude;
  return { cost: total, dualBound: total - gap, gap, exact, u, v };
}
