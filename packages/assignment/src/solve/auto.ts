/**
 * Which exact solver to use. On small matrices the dense rows fit the first cache and lists do not pay; from a few
 * dozen rows on the sparse core takes a fifth of the dense time on image–noise distances, a third to a half on random
 * costs and points in a plane, and about as long where nearly all costs are tied (`apps/bench assignment`).
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
