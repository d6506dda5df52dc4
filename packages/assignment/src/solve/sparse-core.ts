/**
 * Exact assignment through a sparse core (plain/core-lists.ts): reduce rows and augment over short lists, and widen a
 * row only where something above its bound could matter.
 *
 * Image–noise distances are the case it is made for: after centring, a row's optimal partner is among its few best
 * columns. The duals are feasible on the dense matrix throughout, so nothing has to be priced out afterwards, and a
 * core that grows too wide hands over to dense rows as it stands. Where lists would not pay, because column reduction
 * pairs nearly all rows or because ties make every list long, they are not made.
 */
import { forbiddenColumn } from './augment.ts';
import { choosePasses } from './choose-passes.ts';
import { type Matching, type Problem, type SolverSettings } from './problem.ts';
import { augment, type Progress, reduce } from './progress.ts';

/** Row reductions before augmentation. */
const REDUCTIONS = 2;
/** Columns in a row's list, about. */
const LIST_LENGTH = 14;
/** A list may on average have this share of the columns, and always this many, or ties make it longer than it is worth. */
const WIDEST_SHARE = 1 / 16;
const WIDEST_ALWAYS = 64;
/** Centring looks at every fourth row: enough to know a column's mean. */
const CENTRE_STRIDE = 4;
/** From this share of the variance within rows on, centred duals are the better start. */
const COLUMN_SHARE = 0.1;
/** Lists are made when column reduction leaves more than this share of the rows free. */
const MANY_FREE = 1 / 8;

/**
 * An optimal matching with its column duals; rows for which the time did not last are left at -1.
 *
 * @throws AssignmentError `infeasible` when every complete matching uses a forbidden pair
 */
export function sparseCore(problem: Problem, { passes: given }: SolverSettings = {}): Matching {
  const { rows, columns, forbidden } = problem;
  const passes = given ?? choosePasses(problem.cost, rows, columns);
  const z = normalQuantile(Math.min(0.5, LIST_LENGTH / columns));
  const widest = Math.max(WIDEST_ALWAYS, Math.floor(WIDEST_SHARE * columns));
  const makeLists = (): Progress['over'] => (passes.buildLists(z, widest) ? 'lists' : 'matrix');

  let progress: Progress;
  // Rows fewer than columns: a column that stays over must end with v = 0, so v starts there.
  if (rows < columns || (!forbidden && passes.centre(CENTRE_STRIDE) >= COLUMN_SHARE)) {
    progress = { over: makeLists(), free: passes.freeEveryRow() };
  } else {
    const free = passes.columnReduction();
    if (free < 0) throw forbiddenColumn(~free);
    const over = free > MANY_FREE * rows ? makeLists() : 'matrix';
    progress = { over, free: passes.transferReduction(over) };
  }
  for (let pass = 0; pass < REDUCTIONS && !problem.outOfTime(); pass++) {
    progress = reduce(problem, passes, progress);
  }
  if (progress.over === 'matrix' && progress.free > 1 && !problem.outOfTime()) {
    progress = { over: makeLists(), free: progress.free };
  }
  augment(problem, passes, progress);
  return passes.matching();
}

/** z with P(Z < z) = p for a standard normal Z, to about 0.005 (Abramowitz & Stegun 26.2.22); p in (0, 0.5]. */
function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(p));
  return -(t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t));
}
