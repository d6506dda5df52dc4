/**
 * What an assignment costs and gains: the paper's Table 2 on this machine, time split into distances, quantisation and
 * solving, beside the paper's column and SciPy on the same matrices.
 */
import { assignNoiseSync, pairwiseCost, solveAssignment, type SolverName } from '@immiscible/assignment';
import { streamNormal } from '@immiscible/random';
import {
  type BenchImages,
  cifar10Images,
  DIMENSIONS,
  firstImages,
  syntheticImages,
  withUnitVariance,
} from './assignment-images.ts';
import { Scipy } from './assignment-scipy.ts';

export { formatAssignmentBench } from './assignment-table.ts';

export interface AssignmentBenchOptions {
  /** Batch sizes. Default 128, 256, 512, 1024. */
  readonly sizes?: readonly number[];
  /** Timed repeats, ours and SciPy's in turn; medians are reported. Default 5. */
  readonly repeats?: number;
  /** CIFAR-10's folder or archive, to be measured besides the synthetic images. */
  readonly cifar10?: string;
  /** The Python that may have SciPy, or false for none. Default `python3`. */
  readonly python?: string | false;
  readonly seed?: number;
  /** Is told what is being measured. */
  readonly progress?: (what: string) => void;
}

/** One batch size of one kind of images in one scaling. Times are medians in milliseconds. */
export interface AssignmentBenchRow {
  readonly images: string;
  /** How the pixels were scaled; the reduction depends on it. */
  readonly scaling: string;
  readonly size: number;
  /** `assignNoise` with float16 costs, as the paper: distances, rounding, and solving with its certificate. */
  readonly distanceMs: number;
  readonly quantiseMs: number;
  readonly solveMs: number;
  /** Each solver on the float32 matrix, certificate included. */
  readonly solversMs: Readonly<Record<TimedSolver, number>>;
  readonly scipyMs: number | null;
  /** Our optimal cost over SciPy's on the float32 matrix, less 1. */
  readonly scipyCostDifference: number | null;
  /** The mean distance's relative change: by float32 costs, and by float16 costs. */
  readonly reduction: number;
  readonly reductionF16: number;
  /** Whether every answer proved itself optimal, and the largest gap relative to its cost. */
  readonly exact: boolean;
  readonly gap: number;
  /** Different costs in the float16 matrix. */
  readonly distinctF16: number;
  /** The paper's Table 2 (one A6000), for its sizes. */
  readonly paper: { readonly milliseconds: number; readonly reduction: number } | null;
}

/** What the suite measured. Plain JSON. */
export interface AssignmentBenchResult {
  readonly suite: 'assignment';
  readonly node: string;
  readonly repeats: number;
  /** SciPy's version, or why it was skipped. */
  readonly scipy: { readonly version: string } | { readonly skipped: string };
  readonly rows: readonly AssignmentBenchRow[];
}

const PAPER: Readonly<Record<number, AssignmentBenchRow['paper']>> = {
  128: { milliseconds: 5.4, reduction: -0.0193 },
  256: { milliseconds: 6.7, reduction: -0.0216 },
  512: { milliseconds: 8.8, reduction: -0.0232 },
  1024: { milliseconds: 22.8, reduction: -0.0244 },
};
const SOLVERS = ['sparse-core', 'jonker-volgenant'] as const satisfies readonly SolverName[];
type TimedSolver = (typeof SOLVERS)[number];

/**
 * Measures assignments of normal noise to images.
 *
 * @throws RangeError when a size or the number of repeats is not a positive whole number
 * @throws DatasetError when `cifar10` is not CIFAR-10
 */
export async function runAssignmentBench(
  options: AssignmentBenchOptions = {},
): Promise<AssignmentBenchResult> {
  const {
    sizes = [128, 256, 512, 1024],
    repeats = 5,
    cifar10,
    python = 'python3',
    seed = 0,
    progress,
  } = options;
  for (const [name, value] of [
    ...sizes.map((size) => ['size', size] as const),
    ['repeats', repeats] as const,
  ]) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(`bench assignment: ${name} must be a whole number from 1 on, got ${value}`);
    }
  }
  const largest = Math.max(...sizes);
  const sources: BenchImages[] = [syntheticImages(largest, seed)];
  if (cifar10 !== undefined) sources.push(await cifar10Images(cifar10, largest));
  const noise = streamNormal(seed, 2 ** 40, new Float32Array(largest * DIMENSIONS));
  const started = python === false ? 'not asked for' : await Scipy.start(python);
  const scipy = started instanceof Scipy ? started : undefined;
  try {
    warmUp(noise);
    const rows: AssignmentBenchRow[] = [];
    for (const images of sources) {
      for (const scale of [(same: BenchImages) => same, withUnitVariance]) {
        for (const size of sizes) {
          const scaled = scale(firstImages(images, size));
          progress?.(`${scaled.name}, ${scaled.scaling}, batch ${size}`);
          rows.push(await measure(scaled, size, noise, repeats, scipy));
        }
      }
    }
    return {
      suite: 'assignment',
      node: process.version,
      repeats,
      scipy: started instanceof Scipy ? { version: started.version } : { skipped: started },
      rows,
    };
  } finally {
    await scipy?.stop();
  }
}

/** Lets the engine compile what will be timed. */
function warmUp(noise: Float32Array): void {
  const [batch, dimensions] = [64, 48];
  const some = noise.subarray(0, Math.min(batch * dimensions, noise.length));
  const options = { batch: Math.min(batch, some.length / dimensions), precision: 'f16' } as const;
  for (let i = 0; i < 20; i++) {
    for (const solver of SOLVERS)
      assignNoiseSync(
        some.map((value) => value / 2),
        some,
        { ...options, solver },
      );
  }
}

async function measure(
  images: BenchImages,
  size: number,
  allNoise: Float32Array,
  repeats: number,
  scipy: Scipy | undefined,
): Promise<AssignmentBenchRow> {
  const x0 = images.pixels;
  const noise = allNoise.subarray(0, size * DIMENSIONS);
  const cost = pairwiseCost(x0, noise, 'l2', { rows: size, columns: size, dimensions: DIMENSIONS });
  const peer = await scipy?.load(cost);
  const single = assignNoiseSync(x0, noise, { batch: size });
  const times = {
    distance: [] as number[],
    quantise: [] as number[],
    solve: [] as number[],
    scipy: [] as number[],
  };
  const solverTimes: Record<TimedSolver, number[]> = { 'sparse-core': [], 'jonker-volgenant': [] };
  let half = assignNoiseSync(x0, noise, { batch: size, precision: 'f16' });
  let exact = single.stats.exact && half.stats.exact;
  let gap = 0;
  let ours = 0;
  for (let repeat = 0; repeat < repeats; repeat++) {
    half = assignNoiseSync(x0, noise, { batch: size, precision: 'f16' });
    const { milliseconds } = half.stats;
    times.distance.push(milliseconds.cost);
    times.quantise.push(milliseconds.quantise);
    times.solve.push(milliseconds.solve);
    for (const solver of SOLVERS) {
      const solution = solveAssignment(cost, size, size, { solver });
      solverTimes[solver].push(solution.milliseconds);
      exact &&= solution.exact;
      gap = Math.max(gap, solution.gap / Math.abs(solution.cost));
      ours = solution.cost;
    }
    if (scipy !== undefined) times.scipy.push((await scipy.solve()).milliseconds);
  }
  return {
    images: images.name,
    scaling: images.scaling,
    size,
    distanceMs: median(times.distance),
    quantiseMs: median(times.quantise),
    solveMs: median(times.solve),
    solversMs: {
      'sparse-core': median(solverTimes['sparse-core']),
      'jonker-volgenant': median(solverTimes['jonker-volgenant']),
    },
    scipyMs: scipy === undefined ? null : median(times.scipy),
    scipyCostDifference: peer === undefined ? null : ours / peer.cost - 1,
    reduction: single.stats.reduction,
    reductionF16: half.stats.reduction,
    exact,
    gap,
    distinctF16: half.stats.quantisation?.distinct ?? 0,
    paper: PAPER[size] ?? null,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? NaN) + (sorted[sorted.length >> 1] ?? NaN)) / 2;
}
