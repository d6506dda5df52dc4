/**
 * Which exact solver to use. Measured on image–noise distances and on uniform costs: below this size the dense rows
 * fit the first cache and lists do not pay; above it the sparse core is never slower by more than a few per cent, and
 * five to ten times faster on distances (`apps/bench assignment`).
 */
import { jonkerVolgenant } from './jonker-volgenant.ts';
import { type Matching, type Problem } from './problem.ts';
import { sparseCore } from './sparse-core.ts';

/** Rows from which the sparse core is chosen. */
const SPARSE_FROM = 48;

/** The exact solvers by name: each returns an optimal matching with its column duals. */
export const solvers = {
  'jonker-volgenant': jonkerVolgenant,
  'sparse-core': sparseCore,
} as const satisfies Record<string, (problem: Problem) => Matching>;

export type SolverName = keyof typeof solvers;

export function chooseSolver(problem: Problem): SolverName {
  return problem.rows < SPARSE_FROM ? 'jonker-volgenant' : 'sparse-core';
}
