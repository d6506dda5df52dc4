/**
 * Which exact solver to use. On small matrices the dense rows fit the first cache and lists do not pay; from about a
 * hundred rows on the sparse core takes a fifth of the dense time on image–noise distances, a third to a half on random
 * costs and points in a plane, a tenth on rank-one costs, and about as long where nearly all costs are tied or column
 * reduction pairs nearly all rows.
 */
import { auction } from './auction.ts';
import { greedy } from './greedy.ts';
import { jonkerVolgenant } from './jonker-volgenant.ts';
import { type Problem, type Solver } from './problem.ts';
import { sinkhorn } from './sinkhorn.ts';
import { sparseCore } from './sparse-core.ts';

/** Rows from which the sparse core is chosen. */
const SPARSE_FROM = 96;

/** Each returns an optimal matching with the column duals that prove it. */
export const exactSolvers = {
  'sparse-core': sparseCore,
  'jonker-volgenant': jonkerVolgenant,
  auction,
} as const satisfies Record<string, Solver>;

/** Each returns some matching with column duals that bound how far from optimal it can be. */
const approximateSolvers = { greedy, sinkhorn } as const satisfies Record<string, Solver>;

export const solvers = { ...exactSolvers, ...approximateSolvers } as const;

export type SolverName = keyof typeof solvers;
/** Every solver that can be asked for by name; `auto` beside them. */
export const solverNames = Object.keys(solvers) as readonly SolverName[];
export type ExactSolverName = keyof typeof exactSolvers;

/** Costs that are looked at for ties, and as few different ones as make every list long. */
const LOOKED_AT = 32;
const FEW_VALUES = 6;

export function chooseSolver(problem: Problem): ExactSolverName {
  return problem.rows < SPARSE_FROM || isNearlyAllTies(problem) ? 'jonker-volgenant' : 'sparse-core';
}

/** Whether some costs, from all over the matrix, are mostly the same ones: lists would hold most of each row. */
function isNearlyAllTies({ cost }: Problem): boolean {
  const seen = new Set<number>();
  const stride = Math.max(1, Math.floor(cost.length / LOOKED_AT) - 1);
  for (let k = 0, i = 0; k < LOOKED_AT && i < cost.length; k++, i += stride) {
    seen.add(cost[i]!);
    if (seen.size > FEW_VALUES) return false;
  }
  return true;
}
