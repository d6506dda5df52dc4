/**
 * Times solvers on the same matrix in turns, so that a machine that slows down slows all, and holds their costs against
 * each other in float64.
 */
import { solveAssignment, type SolverName } from '@immiscible/assignment';
import { munkres } from 'munkres';
import { median } from './median.ts';

export type Precision = 'float64' | 'float32';

/** A turn: some solves of one matrix. */
export interface Turn {
  /** of all of them together */
  readonly milliseconds: number;
  /** of the pairing, summed in float64; NaN where it was no pairing */
  readonly cost: number;
  /** ours only */
  readonly certificate?: { readonly exact: boolean; readonly gap: number };
  readonly pairing?: Int32Array;
}

export interface Solver {
  readonly name: string;
  readonly version: string;
  /** What it computes in; one in float32 may miss the optimum by its rounding. */
  readonly precision: Precision;
  readonly ours: boolean;
  solve(cost: Float32Array, size: number, count: number): Promise<Turn> | Turn;
}

/** What one solver took for one matrix. */
export interface SolverTime {
  /** median of its turns, for one solve */
  readonly milliseconds: number;
  /** whether it was too slow for more than one turn */
  readonly slow: boolean;
  readonly cost: number;
}

export interface SolvedMatrix {
  /** by solver; one that would have been too slow is absent */
  readonly solvers: Readonly<Record<string, SolverTime>>;
  /** of ours */
  readonly pairing: Int32Array;
  /** whether ours proved themselves optimal, and the largest gap relative to the cost */
  readonly exact: boolean;
  readonly gap: number;
  /** what disagrees with our optimum in float64, in words */
  readonly disagreements: readonly string[];
}

/** Our solvers by what the tables call them; the first is what a caller gets who chooses none. */
const OURS = { ours: 'auto', 'dense JV': 'jonker-volgenant' } as const;
export const AUTO = 'ours';
export const DENSE = 'dense JV';

export function ourSolvers(): Solver[] {
  return Object.entries(OURS).map(([name, solver]) => ({
    name,
    version: `solver '${solver}'`,
    precision: 'float64',
    ours: true,
    solve: (cost, size, count) => solveOurs(solver, cost, size, count),
  }));
}

function solveOurs(solver: 'auto' | SolverName, cost: Float32Array, size: number, count: number): Turn {
  const start = performance.now();
  let solution = solveAssignment(cost, size, size, { solver });
  for (let i = 1; i < count; i++) solution = solveAssignment(cost, size, size, { solver });
  const milliseconds = performance.now() - start;
  const { exact, gap, pairing } = solution;
  return { milliseconds, cost: solution.cost, certificate: { exact, gap }, pairing };
}

/** npm `munkres`, in this process. */
export function munkresSolver(): Solver {
  let held: Float32Array | undefined;
  let rows: number[][] = [];
  return {
    name: 'munkres',
    version: 'npm',
    precision: 'float64',
    ours: false,
    solve(cost, size, count) {
      if (held !== cost) {
        // Plain arrays: it is faster on them than on rows of a typed array.
        rows = Array.from({ length: size }, (_, i) => Array.from(cost.subarray(i * size, (i + 1) * size)));
        held = cost;
      }
      const start = performance.now();
      let pairs = munkres(rows);
      for (let i = 1; i < count; i++) pairs = munkres(rows);
      const milliseconds = performance.now() - start;
      const taken = new Set(pairs.map(([, column]) => column));
      const total = pairs.reduce((sum, [row, column]) => sum + cost[row * size + column]!, 0);
      return { milliseconds, cost: taken.size === size ? total : NaN };
    },
  };
}

/** A turn lasts about this long, in milliseconds, and solves at least once. */
const TURN = 15;

/** Whoever takes longer for one solve gets one turn, its first. */
const SLOW = 2000;

/** By how much costs of one optimum may differ: sums of up to some ten thousand numbers in another order. */
const SUMS_AGREE = 1e-12;

/** What a solver that computes in float32 may miss. */
const FLOAT32_MISSES = 1e-5;

export interface SolveMatrixOptions {
  readonly repeats: number;
  /** Seconds that one solve may take, judged by `before`. */
  readonly limit: number;
  /** What the solvers took for a smaller matrix of the same family. */
  readonly before: { readonly size: number; readonly solvers: SolvedMatrix['solvers'] } | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Solves one matrix with everybody, untimed at first and then in turns. */
export async function solveMatrix(
  cost: Float32Array,
  size: number,
  solvers: readonly Solver[],
  { repeats, limit, before, signal }: SolveMatrixOptions,
): Promise<SolvedMatrix> {
  const expected = ({ name }: Solver): number =>
    before === undefined ? 0 : (before.solvers[name]?.milliseconds ?? Infinity) * (size / before.size) ** 3;
  const turns: { solver: Solver; first: Turn; count: number; rounds: number; times: number[] }[] = [];
  for (const solver of solvers) {
    if (!solver.ours && expected(solver) > 1000 * limit) continue;
    signal?.throwIfAborted();
    const first = await solver.solve(cost, size, 1);
    const slow = first.milliseconds > SLOW;
    turns.push({
      solver,
      first,
      count: await solvesOfTurn(solver, cost, size, first.milliseconds),
      rounds: slow ? 0 : repeats,
      times: slow ? [first.milliseconds] : [],
    });
  }
  for (let round = 0; round < repeats; round++) {
    for (const { solver, count, rounds, times } of turns) {
      if (round >= rounds) continue;
      signal?.throwIfAborted();
      times.push((await solver.solve(cost, size, count)).milliseconds / count);
      await new Promise(setImmediate); // so that an interrupt is heard
    }
  }
  const auto = turns.find(({ solver }) => solver.name === AUTO);
  if (auto?.first.pairing === undefined)
    throw new Error('bench assignment: our own solver is not among them');
  const certificates = turns.flatMap(({ first }) => first.certificate ?? []);
  return {
    solvers: Object.fromEntries(
      turns.map(({ solver, first, times }) => [
        solver.name,
        { milliseconds: median(times), slow: first.milliseconds > SLOW, cost: first.cost },
      ]),
    ),
    pairing: auto.first.pairing,
    exact: certificates.every(({ exact }) => exact),
    gap: Math.max(...certificates.map(({ gap }) => gap)) / Math.max(Math.abs(auto.first.cost), 1e-300),
    disagreements: turns.flatMap(({ solver, first }) => disagreement(solver, first.cost, auto.first.cost)),
  };
}

/** How many solves a turn has. Short ones are done untimed for a turn first, so that engines have compiled them. */
async function solvesOfTurn(
  solver: Solver,
  cost: Float32Array,
  size: number,
  firstMilliseconds: number,
): Promise<number> {
  if (firstMilliseconds >= TURN) return 1;
  const count = Math.ceil((2 * TURN) / firstMilliseconds);
  const { milliseconds } = await solver.solve(cost, size, count);
  return Math.ceil((TURN * count) / milliseconds);
}

/** Says what is wrong, if anything is: nobody may be cheaper than we, and nobody dearer than its rounding explains. */
function disagreement({ name, precision }: Solver, cost: number, optimum: number): string[] {
  const excess = (cost - optimum) / Math.max(Math.abs(optimum), 1e-300);
  const allowed = precision === 'float32' ? FLOAT32_MISSES : SUMS_AGREE;
  if (excess >= -SUMS_AGREE && excess <= allowed) return [];
  if (Number.isNaN(excess)) return [`${name}: its answer is no pairing`];
  return [`${name}: cost ${cost}, ours ${optimum}, relative difference ${excess.toExponential(1)}`];
}
