/**
 * The options of `assignNoise`, and their checks: what TypeScript promises, configs and plain JavaScript may not keep.
 */
import { type Conditions } from './conditions.ts';
import { type CostShape } from './cost.ts';
import { AssignmentError } from './errors.ts';
import { methodAt } from './methods/start-step.ts';
import { type Metric, METRICS } from './metric.ts';
import { type SolverName } from './solve/auto.ts';
import { type Standardize } from './standardize.ts';
import { type SinkhornOptions } from './solve/sinkhorn.ts';
import { type SolveOptions } from './solve/solve-assignment.ts';

/**
 * - `linear`: the batch's noise, paired one to one so that the total cost is smallest
 * - `nearest`: k noises for each image, of which it takes the nearest
 * - `flipped`: the paper's ablation, paired by reversed noise
 * - `identity`: as drawn
 */
export type Method = 'linear' | 'nearest' | 'flipped' | 'identity';

const METHODS: readonly Method[] = ['linear', 'nearest', 'flipped', 'identity'];

/** What the authors multiply both sides by before they take a float16 distance. */
const PAPER_SCALE = 0.1;

export interface AssignOptions {
  /** Default `linear`. */
  readonly method?: Method;
  /** Default `l2`, not squared, as in the paper's code. */
  readonly metric?: Metric;
  /** The costs that decide: float32 (default), or rounded to float16 as the paper's authors do. */
  readonly precision?: 'f32' | 'f16';
  /** With `f16`, what both sides are multiplied by. Default as the authors: 0.1, and 1 for `nearest`. */
  readonly scale?: number;
  /** With `f16`: also solve in float32, and report how many pairs and how much of the gain the rounding cost. */
  readonly compareExact?: boolean;
  /** Images brought to mean 0 and variance 1 for their costs (only). Default: compared as they are. */
  readonly standardize?: Standardize;
  /** For `linear`: costs that know of the images' conditions, so that noise does not tell them. */
  readonly conditions?: Conditions;
  /** Number of images; needed for flat arrays only. */
  readonly batch?: number;
  /** For `nearest`: noises for each image. Default: as many as `noise` holds; noise from streams has no default. */
  readonly k?: number;
  /** The first step that assigns, counted from 0 (default 0); before it noise stays as drawn, whatever the method. */
  readonly startStep?: number;
  /** Which step this is; needed with `startStep`. */
  readonly step?: number;
  /** Default `auto`, which is exact, as is `auction`; `greedy` and `sinkhorn` are quick and give a bound. */
  readonly solver?: 'auto' | SolverName;
  /** For the solver `sinkhorn`. */
  readonly sinkhorn?: SinkhornOptions;
  /** Milliseconds after which solving hands back its best pairing so far, with its bound. Default: none. */
  readonly deadline?: number;
}

/**
 * Computes the matrix of costs, [rows, columns] row-major, smaller is nearer, for example on a GPU. It is given what is
 * compared: standardised images, with `f16` the quantised sides. Called by `linear` and `flipped`, once, or a second
 * time with unquantised sides for `compareExact`.
 */
export type ComputeCost = (
  x0: Float32Array,
  noise: Float32Array,
  metric: Metric,
  shape: CostShape,
) => Float32Array | Promise<Float32Array>;

export interface AssignNoiseOptions extends AssignOptions {
  readonly computeCost?: ComputeCost;
  /** Threads that compute costs, the calling one included. Default: as many as the processor runs at once, up to 8. */
  readonly threads?: number;
}

/** Options with their defaults in place. */
export interface Settings {
  /** The method in force at this step. */
  readonly method: Method;
  /** Noises for each image in what is handed over; undefined: as many as there are. */
  readonly perRow: number | undefined;
  readonly metric: Metric;
  readonly float16: boolean;
  readonly scale: number;
  readonly standardize: Standardize | undefined;
  readonly compareExact: boolean;
  readonly solve: SolveOptions;
}

/** @throws AssignmentError `invalid-option` */
export function readOptions(options: AssignOptions): Settings {
  const method = oneOf('method', options.method ?? 'linear', METHODS);
  const metric = oneOf('metric', options.metric ?? 'l2', METRICS);
  const precision = oneOf('precision', options.precision ?? 'f32', ['f32', 'f16']);
  const scale = options.scale ?? (method === 'nearest' ? 1 : PAPER_SCALE);
  if (!(scale > 0 && scale < Infinity)) throw invalidOption('scale', 'a positive number', scale);
  if (options.k !== undefined && method !== 'nearest') {
    throw new AssignmentError(
      'invalid-option',
      `assignNoise: k belongs to method 'nearest', got '${method}'`,
    );
  }
  if (options.conditions !== undefined && method !== 'linear') {
    throw new AssignmentError(
      'invalid-option',
      `assignNoise: conditions belong to method 'linear', got '${method}'`,
    );
  }
  const { standardize, compareExact = false } = options;
  if (standardize !== undefined) oneOf('standardize', standardize, ['feature', 'batch']);
  if (compareExact && (precision !== 'f16' || method === 'nearest' || method === 'identity')) {
    throw new AssignmentError(
      'invalid-option',
      `assignNoise: compareExact compares float16 with float32 matrices; it wants precision 'f16' and method 'linear' ` +
        `or 'flipped', got '${precision}' and '${method}'`,
    );
  }
  return {
    method: methodAt(method, options.startStep ?? 0, options.step),
    perRow: method === 'nearest' ? options.k : 1,
    metric,
    float16: precision === 'f16',
    scale,
    standardize,
    compareExact,
    solve: {
      solver: options.solver ?? 'auto',
      ...(options.sinkhorn && { sinkhorn: options.sinkhorn }),
      ...(options.deadline !== undefined && { deadline: options.deadline }),
    },
  };
}

/** @throws AssignmentError `invalid-option` */
export function checkThreads(threads: number | undefined): void {
  if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
    throw invalidOption('threads', 'a whole number from 1 on', threads);
  }
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (!allowed.includes(value)) {
    throw invalidOption(name, allowed.map((item) => `'${item}'`).join(', '), value);
  }
  return value;
}

function invalidOption(name: string, wanted: string, came: unknown): AssignmentError {
  return new AssignmentError(
    'invalid-option',
    `assignNoise: ${name} must be ${wanted}, got ${typeof came === 'string' ? `'${came}'` : String(came)}`,
  );
}
