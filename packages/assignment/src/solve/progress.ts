/**
 * What both exact solvers do with the passes: row reductions, then augmentation, in slices between which the clock is
 * looked at, and with an error where a row can get no column.
 */
import { infeasible } from './augment.ts';
import { NO_COLUMN, type Over, type Passes, TOO_WIDE } from './passes.ts';
import { type Problem } from './problem.ts';

/** Rows between two looks at the clock: a fraction of a millisecond up to a few thousand columns. */
const SCANS: Readonly<Record<Over, number>> = { lists: 2048, matrix: 128 };
const PATHS: Readonly<Record<Over, number>> = { lists: 4, matrix: 1 };

/** Rows that are free, and where to look for their columns. */
export interface Progress {
  readonly free: number;
  readonly over: Over;
}

/**
 * One augmenting row reduction.
 *
 * @param cutsPerRow how often it may lower a price, per free row
 * @throws AssignmentError `infeasible`
 */
export function reduce(
  problem: Problem,
  passes: Passes,
  { free, over }: Progress,
  cutsPerRow: number,
  epsilon = 0,
): Progress {
  if (free === 0) return { free, over };
  passes.beginReduction(free, cutsPerRow * free, epsilon);
  let where = over;
  for (;;) {
    const waiting = passes.reduceRows(where, SCANS[where]);
    if (waiting === NO_COLUMN) throw infeasible(passes.failedRow(), 0);
    if (waiting === TOO_WIDE) where = 'matrix';
    else if (waiting === 0 || problem.outOfTime()) break;
  }
  return { free: passes.endReduction(), over: where };
}

/** Frees the rows whose pair is not their cheapest. Square problems only. */
export function release(passes: Passes, over: Over): Progress {
  const free = passes.releaseRows(over);
  return free === TOO_WIDE ? { free: passes.releaseRows('matrix'), over: 'matrix' } : { free, over };
}

/**
 * Pairs the free rows; those that the time does not last for stay free, but for what one scan of each can do.
 *
 * @throws AssignmentError `infeasible`
 */
export function augment(problem: Problem, passes: Passes, { free, over }: Progress): void {
  let where = over;
  if (free > 0 && problem.outOfTime()) {
    passes.beginReduction(free, 0, 0);
    if (passes.reduceRows(where, free) === TOO_WIDE) passes.reduceRows('matrix', free);
    passes.endReduction();
    return;
  }
  for (let at = 0; at < free && !problem.outOfTime();) {
    const to = Math.min(free, at + PATHS[where]);
    const reached = passes.augment(where, at, to);
    if (reached < 0) throw infeasible(passes.freeRow(~reached), passes.reachedColumns(where));
    if (reached < to) where = 'matrix';
    at = reached;
  }
}
