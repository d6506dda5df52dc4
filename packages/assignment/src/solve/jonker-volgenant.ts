/**
 * Dense Jonker–Volgenant: column reduction, reduction transfer, augmenting row reduction (twice), then augmentation.
 * Jonker & Volgenant, Computing 38 (1987), 325–340.
 *
 * Rows fewer than columns: a column that stays over must end with v = 0, which the two reductions would break, so
 * they are skipped and the row reductions start from v = 0.
 */
import { forbiddenColumn } from './augment.ts';
import { choosePasses } from './choose-passes.ts';
import { type Matching, type Problem, type SolverSettings } from './problem.ts';
import { augment, type Progress, reduce } from './progress.ts';

/** How often a row reduction may lower a price, per free row: a bound against rounding, far above what is needed. */
const CUTS_PER_ROW = 32;

/**
 * An optimal matching with its column duals; rows for which the time did not last are left at -1.
 *
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export function jonkerVolgenant(problem: Problem, { passes: given }: SolverSettings = {}): Matching {
  const passes = given ?? choosePasses(problem.cost, problem.rows, problem.columns);
  let progress: Progress = { free: 0, over: 'matrix' };
  if (problem.rows === problem.columns) {
    const free = passes.columnReduction();
    if (free < 0) throw forbiddenColumn(~free);
    progress = { free: passes.transferReduction('matrix'), over: 'matrix' };
  } else {
    progress = { free: passes.freeEveryRow(), over: 'matrix' };
  }
  for (let pass = 0; pass < 2 && !problem.outOfTime(); pass++) {
    progress = reduce(problem, passes, progress, CUTS_PER_ROW);
  }
  augment(problem, passes, progress);
  return passes.matching();
}
