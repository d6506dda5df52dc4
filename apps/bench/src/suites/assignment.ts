/**
 * What an assignment costs and gains: the paper's Table 2 on this machine, and beyond it in sizes and kinds of problems.
 * Time is split into distances, rounding and solving, and other solvers take turns with ours on the same matrices.
 */
import { closeThreads } from '@immiscible/assignment';
import { type Device, openDevice } from '@immiscible/tensor-core';
import { computeCosts, type CostTimes } from './assignment-costs.ts';
import {
  type Family,
  type FamilyName,
  FAMILY_NAMES,
  openFamily,
  type Problem,
  USUAL_FAMILIES,
} from './assignment-families.ts';
import { PythonSolvers } from './assignment-python.ts';
import {
  munkresSolver,
  ourSolvers,
  type SolvedMatrix,
  type Solver,
  solveMatrix,
} from './assignment-solvers.ts';

export interface AssignmentBenchOptions {
  /** Batch sizes. Default 128, 256, 512, 1024. */
  readonly sizes?: readonly number[];
  /** Kinds of problems. Default: images, unit, f16, latents, uniform. */
  readonly families?: readonly string[];
  /** Timed turns of each; medians are reported. Default 5. */
  readonly repeats?: number;
  /** CIFAR-10's folder or archive; without it, 1/f fields of its shape stand in. */
  readonly cifar10?: string;
  /** Pythons that may have SciPy, lap, lapx, lapjv, or false for none. Default `python3`. */
  readonly python?: readonly string[] | false;
  /** Seconds that a peer may take for one solve, judged by the size before. Default 30. */
  readonly limit?: number;
  readonly seed?: number;
  /** Is told what is being measured. */
  readonly progress?: (what: string) => void;
  /** Ends the measurement; what is complete by then is reported. */
  readonly signal?: AbortSignal;
}

/** One size of one family. */
export interface AssignmentBenchRow extends Omit<SolvedMatrix, 'pairing'> {
  readonly family: FamilyName;
  readonly name: string;
  readonly size: number;
  /** null for families that are matrices by themselves */
  readonly vectors: {
    readonly dimensions: number;
    /** How the numbers were scaled; the reduction depends on it. */
    readonly scaling: string;
    readonly times: CostTimes;
    /** The mean distance's relative change, never rounded to float16. */
    readonly reduction: number;
  } | null;
  /** Different costs in the matrix. */
  readonly distinct: number;
}

/** What the suite measured. Plain JSON. */
export interface AssignmentBenchResult {
  readonly suite: 'assignment';
  readonly node: string;
  readonly repeats: number;
  readonly solvers: readonly Omit<Solver, 'solve'>[];
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
  readonly rows: readonly AssignmentBenchRow[];
  /** What disagrees with our optimum: nothing, or the suite has failed. */
  readonly disagreements: readonly string[];
  readonly interrupted: boolean;
}

/** Table 2 of the paper (arXiv 2406.12303), one A6000, float16 costs. */
export const PAPER: Readonly<Record<number, { readonly milliseconds: number; readonly reduction: number }>> =
  {
    128: { milliseconds: 5.4, reduction: -0.0193 },
    256: { milliseconds: 6.7, reduction: -0.0216 },
    512: { milliseconds: 8.8, reduction: -0.0232 },
    1024: { milliseconds: 22.8, reduction: -0.0244 },
  };

/**
 * Measures assignments.
 *
 * @throws RangeError when a size, the repeats, the limit or a family is none
 * @throws DatasetError when `cifar10` is not CIFAR-10
 */
export async function runAssignmentBench(
  options: AssignmentBenchOptions = {},
): Promise<AssignmentBenchResult> {
  const { python = ['python3'], repeats = 5, cifar10, seed = 0, signal } = options;
  const sizes = [...(options.sizes ?? [128, 256, 512, 1024])].sort((a, b) => a - b);
  for (const size of sizes) checkWhole('size', size);
  checkWhole('repeats', repeats);
  const families = readFamilies(options.families ?? USUAL_FAMILIES);
  const skipped: string[] = [];
  const pythons = await startPythons(python, skipped, signal);
  const solvers = distinctSolvers([
    ...ourSolvers(),
    ...pythons.flatMap((one) => one.solvers),
    munkresSolver(),
  ]);
  const rows: AssignmentBenchRow[] = [];
  let device: Device | undefined;
  try {
    device = await openDevice('cpu');
    for (const name of families) {
      options.progress?.(`${name}: making up to ${sizes.at(-1)} of them`);
      const family = await openFamily(name, { cifar10, largest: sizes.at(-1) ?? 1, seed });
      const measuring = { ...options, repeats, device };
      for await (const row of measureFamily(name, family, sizes, solvers, measuring)) rows.push(row);
    }
  } catch (error) {
    if (signal?.aborted !== true) throw error;
  } finally {
    for (const one of pythons) one.close();
    await device?.dispose();
    await closeThreads();
  }
  return {
    suite: 'assignment',
    node: process.version,
    repeats,
    solvers: solvers.map(({ name, version, precision, ours }) => ({ name, version, precision, ours })),
    skipped,
    rows,
    disagreements: rows.flatMap(({ family, size, disagreements }) =>
      disagreements.map((what) => `${family} ${size}: ${what}`),
    ),
    interrupted: signal?.aborted === true,
  };
}

function checkWhole(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError(`bench assignment: ${name} must be a whole number from 1 on, got ${value}`);
  }
}

function readFamilies(names: readonly string[]): FamilyName[] {
  return names.map((name) => {
    const family = FAMILY_NAMES.find((known) => known === name);
    if (family) return family;
    throw new RangeError(`bench assignment: there is no family ${name}; use ${FAMILY_NAMES.join(', ')}`);
  });
}

async function startPythons(
  python: readonly string[] | false,
  skipped: string[],
  signal: AbortSignal | undefined,
): Promise<PythonSolvers[]> {
  if (python === false) {
    skipped.push('solvers for Python: not asked for');
    return [];
  }
  const started = await Promise.all(python.map((path) => PythonSolvers.start(path, signal)));
  skipped.push(...started.filter((one) => typeof one === 'string'));
  return started.filter((one) => typeof one !== 'string');
}

/** The first of each name: two Pythons may have the same solver. */
function distinctSolvers(solvers: readonly Solver[]): Solver[] {
  const byName = new Map<string, Solver>();
  for (const solver of solvers) if (!byName.has(solver.name)) byName.set(solver.name, solver);
  return [...byName.values()];
}

interface Measuring extends Pick<AssignmentBenchOptions, 'limit' | 'progress' | 'signal'> {
  readonly repeats: number;
  readonly device: Device;
}

async function* measureFamily(
  family: FamilyName,
  problemOf: Family,
  sizes: readonly number[],
  solvers: readonly Solver[],
  { repeats, device, limit = 30, progress, signal }: Measuring,
): AsyncGenerator<AssignmentBenchRow> {
  let before: { size: number; solvers: SolvedMatrix['solvers'] } | undefined;
  for (const size of sizes) {
    signal?.throwIfAborted();
    const problem = problemOf(size);
    progress?.(`${titleOf(problem)}, batch ${size}`);
    const costs =
      problem.kind === 'vectors'
        ? await computeCosts(problem, { repeats, device, signal })
        : { cost: problem.cost, times: undefined, distances: problem.cost };
    const { cost, times, distances } = costs;
    const { pairing, ...solved } = await solveMatrix(cost, size, solvers, { repeats, limit, before, signal });
    before = { size, solvers: solved.solvers };
    yield {
      ...solved,
      family,
      name: problem.name,
      size,
      vectors:
        problem.kind === 'vectors' && times
          ? {
              dimensions: problem.dimensions,
              scaling: problem.scaling,
              times,
              reduction: reductionOf(distances, pairing),
            }
          : null,
      distinct: new Set(cost).size,
    };
  }
}

function titleOf(problem: Problem): string {
  return problem.kind === 'matrix' ? problem.name : `${problem.name}, ${problem.scaling}`;
}

/** The mean distance's relative change from noise as drawn to the pairing. */
function reductionOf(distances: Float32Array, pairing: Int32Array): number {
  const size = pairing.length;
  let [before, after] = [0, 0];
  pairing.forEach((j, i) => {
    before += distances[i * size + i]!;
    after += distances[i * size + j]!;
  });
  return after / before - 1;
}
