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
import { type Passes } from './passes.ts';
import { augment, type Progress, reduce, release } from './progress.ts';

/** Columns in a row's list, about. */
const LIST_LENGTH = 14;
/** A list may on average have this share of the columns, and always this many, or ties make it longer than it is worth. */
const WIDEST_SHARE = 1 / 16;
const WIDEST_ALWAYS = 28;
/** Centring looks at every fourth row: enough to know a column's mean. */
const CENTRE_STRIDE = 4;
/** From this share of the variance within rows on, centred duals are the better start. */
const COLUMN_SHARE = 0.2;
/** Up to so many rows are paired over the matrix rather than that lists are made for them. */
const FEW_LEFT = 8;
/** How often row reductions may lower a price, per free row: first, where rows outbid each other by little; then, for few. */
const FIRST_CUTS = 4;
const LATER_CUTS = 32;
/** Rows outbid each other by little when the first reduction has used up its cuts and leaves this share of them free … */
const PRICE_WAR = 1 / 8;
/** … and settle it by raising bids by ε, from this share of the spread within rows down by a factor, some times. */
const FIRST_EPSILON = 1 / 16;
const EPSILON_FACTOR = 1 / 8;
const EPSILON_PHASES = 4;
/** Bids in one such phase, per row: more than any should take. */
const WAR_CUTS = 200;
/** Without centred duals lists are made from so many rows on, when column reduction leaves more than this share free. */
const MANY_ROWS = 200;
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
  let narrow = true;
  const makeLists = (): Progress['over'] => {
    narrow = passes.buildLists(z, widest);
    return narrow ? 'lists' : 'matrix';
  };

  let progress: Progress;
  if (rows < columns) {
    // A column that stays over must end with v = 0, so v starts there; few columns are wanted by many rows.
    progress = { over: 'matrix', free: passes.freeEveryRow() };
  } else if (!forbidden && passes.centre(CENTRE_STRIDE) >= COLUMN_SHARE) {
    progress = { over: makeLists(), free: passes.freeEveryRow() };
  } else {
    const free = passes.columnReduction();
    if (free < 0) throw forbiddenColumn(~free);
    narrow = rows >= MANY_ROWS;
    const over = narrow && free > MANY_FREE * rows ? makeLists() : 'matrix';
    progress = { over, free: passes.transferReduction(over) };
  }
  progress = reduce(problem, passes, progress, FIRST_CUTS);
  const atWar = passes.cutsLeft === 0 && progress.free > PRICE_WAR * rows;
  if (rows < columns) {
    if (atWar && progress.free > rows / 2) progress = { over: makeLists(), free: progress.free };
  } else if (atWar && !forbidden && progress.over === 'lists') {
    progress = endPriceWar(problem, passes, progress);
  }
  if (!problem.outOfTime()) progress = reduce(problem, passes, progress, LATER_CUTS);
  if (rows < columns && progress.free > rows / 2) {
    narrow = false; // prices have far to fall yet: lists would be made again and again
    progress = { over: 'matrix', free: progress.free };
  }
  if (narrow && progress.over === 'matrix' && progress.free > FEW_LEFT && !problem.outOfTime()) {
    progress = { over: makeLists(), free: progress.free };
  }
  augment(problem, passes, progress);
  return passes.matching();
}

/**
 * ε-scaling (Bertsekas 1979) over the lists: each phase pairs all rows to within ε, the next begins with those that its
 * smaller ε has unpaired, and in the end only tight pairs stay. All prices stay multiples of the last ε, a power of two,
 * as far as costs are: nothing is rounded.
 */
function endPriceWar(problem: Problem, passes: Passes, begun: Progress): Progress {
  let progress = begun;
  let epsilon = 2 ** Math.floor(Math.log2(FIRST_EPSILON * passes.spread));
  for (let phase = 0; phase < EPSILON_PHASES && epsilon > 0 && epsilon < Infinity; phase++) {
    progress = reduce(problem, passes, progress, WAR_CUTS, epsilon);
    if (problem.outOfTime()) break; // pairs within ε are good ones
    progress = release(passes, progress.over);
    epsilon *= EPSILON_FACTOR;
  }
  return progress;
}

/** z with P(Z < z) = p for a standard normal Z, to about 0.005 (Abramowitz & Stegun 26.2.22); p in (0, 0.5]. */
function normalQuantile(p: number): number {
  const t = Math.sqrt(-2 * Math.log(p));
  return -(t - (2.30753 + 0.27061 * t) / (1 + 0.99229 * t + 0.04481 * t * t));
}
