/**
 * Sinkhorn: entropy-regularised transport (Cuturi, "Sinkhorn Distances", NeurIPS 2013) in the log domain (Schmitzer,
 * "Stabilized Sparse Scaling Algorithms for Entropy Regularized Transport Problems", 2019, with ε-scaling), rounded to
 * a permutation. It is never exact by design; potentials f (rows) and g (columns) give the bound.
 *
 * The plan P[i, j] = exp((f[i] + g[j] - cost[i, j]) / ε), rows summing to 1, is never stored: an iteration reads the
 * matrix once, row by row, holds one row of P, and gathers the column sums that correct g on the way. Entries of P
 * below e^-36 of their row's largest are left out; a column that then hardly gets anything is summed on its own.
 *
 * Engines may round Math.exp and Math.log differently, so that pairs at the edge of a tie can differ between them.
 *
 * Symbols: f, g, ε as in Peyré & Cuturi, "Computational Optimal Transport" (2019), section 4.4, for masses of 1 a row.
 */
import { AssignmentError } from '../errors.ts';
import { centredOffsets, centredSpread } from './centre.ts';
import { boundFrom, greedyMatching } from './greedy.ts';
import { type Matching, type Problem, type SolverSettings } from './problem.ts';

export interface SinkhornOptions {
  /**
   * ε as a share of the standard deviation of the centred costs (default 0.05). Smaller comes nearer to the optimum and
   * takes more iterations.
   */
  readonly epsilon?: number;
  /** Iterations at most, all ε together (default 200). */
  readonly iterations?: number;
  /** Stop when columns miss their mass by this share on average (default 0.01). */
  readonly tolerance?: number;
}

export interface SinkhornReport {
  /** In units of cost. */
  readonly epsilon: number;
  readonly iterations: number;
  /** Mean over columns of |mass - 1| at the end. */
  readonly marginalError: number;
  /** Mean entropy of a row of the plan, in nats: 0 for a permutation, log(columns) for a plan that does not choose. */
  readonly entropy: number;
  readonly millisecondsPerIteration: number;
}

const DEFAULTS = { epsilon: 0.05, iterations: 200, tolerance: 0.01 } as const;
/** ε-scaling: ε begins at the spread of the centred costs and falls by this factor when an ε has done its work. */
const SCALING = 2;
/** The marginal error at which an ε above the last has done its work. */
const COARSE_TOLERANCE = 0.1;
/** Exponents below this are left out. */
const NEGLIGIBLE = -36;
/** A column that got less mass than this is summed again with nothing left out. */
const STARVED = 1e-12;

/**
 * A complete matching, greedy in the order of the plan's entries, and the duals of a bound.
 *
 * @param problem square
 * @throws AssignmentError `invalid-size` (rows fewer than columns), `invalid-option`, `infeasible`
 */
export function sinkhorn(problem: Problem, { sinkhorn: options }: SolverSettings = {}): Matching {
  const { rows, columns } = problem;
  if (rows !== columns) {
    throw new AssignmentError(
      'invalid-size',
      `solveAssignment: sinkhorn wants as many rows as columns, got ${rows} and ${columns}; another solver takes them`,
    );
  }
  const { epsilon: share, iterations: most, tolerance } = { ...DEFAULTS, ...options };
  for (const [name, value] of Object.entries({ epsilon: share, iterations: most, tolerance })) {
    if (!(value > 0 && value < Infinity)) {
      throw new AssignmentError(
        'invalid-option',
        `solveAssignment: sinkhorn.${name} must be a positive number, got ${value}`,
      );
    }
  }
  const began = performance.now();
  const offsets = centredOffsets(problem);
  const spread = centredSpread(problem, offsets);
  const last = spread * share;
  const f = offsets.u;
  const g = offsets.v;
  const sweep = new Sweep(problem, f, g);
  let epsilon = Math.max(spread, last);
  let error = 0;
  let iterations = 0;
  // Costs that rows and columns explain altogether leave nothing to choose by.
  if (spread > 0) {
    while (iterations < most && !problem.outOfTime()) {
      error = sweep.run(epsilon);
      iterations++;
      if (epsilon > last) {
        if (error < COARSE_TOLERANCE) epsilon = Math.max(last, epsilon / SCALING);
      } else if (error < tolerance) {
        break;
      }
    }
  }
  const milliseconds = performance.now() - began;
  const matching = greedyMatching(problem, { u: f, v: g });
  boundFrom(problem, matching, g);
  return {
    ...matching,
    sinkhorn: {
      epsilon,
      iterations,
      marginalError: error,
      entropy: spread > 0 ? sweep.entropy / rows : Math.log(columns),
      millisecondsPerIteration: iterations > 0 ? milliseconds / iterations : 0,
    },
  };
}

/** One Sinkhorn iteration over f and g, which it changes. */
class Sweep {
  /** Σ over rows of the entropy of the row of P that the last run saw, in nats. */
  entropy = 0;
  readonly #problem: Problem;
  readonly #f: Float64Array;
  readonly #g: Float64Array;
  readonly #row: Float64Array; // [columns]
  readonly #mass: Float64Array; // [columns]

  constructor(problem: Problem, f: Float64Array, g: Float64Array) {
    this.#problem = problem;
    this.#f = f;
    this.#g = g;
    this.#row = new Float64Array(problem.columns);
    this.#mass = new Float64Array(problem.columns);
  }

  /**
   * f such that rows sum to 1, then g such that columns would.
   *
   * @returns mean |column mass - 1| before g was corrected
   */
  run(epsilon: number): number {
    const { cost, rows, columns } = this.#problem;
    const f = this.#f;
    const g = this.#g;
    const row = this.#row;
    const mass = this.#mass.fill(0);
    const scale = 1 / epsilon;
    this.entropy = 0;
    for (let i = 0; i < rows; i++) {
      const o = i * columns;
      let top = -Infinity;
      for (let j = 0; j < columns; j++) {
        const z = g[j]! - cost[o + j]!;
        row[j] = z;
        if (z > top) top = z;
      }
      if (top === -Infinity) continue; // all of it forbidden: the rounding will say so
      const negligible = top + NEGLIGIBLE * epsilon;
      let sum = 0;
      let moment = 0;
      for (let j = 0; j < columns; j++) {
        const z = row[j]!;
        if (z < negligible) {
          row[j] = 0;
          continue;
        }
        const exponent = (z - top) * scale;
        const e = Math.exp(exponent);
        row[j] = e;
        sum += e;
        moment += e * exponent;
      }
      const log = Math.log(sum);
      f[i] = -(top + epsilon * log);
      this.entropy += log - moment / sum;
      const share = 1 / sum;
      for (let j = 0; j < columns; j++) mass[j] = mass[j]! + row[j]! * share;
    }
    let error = 0;
    for (let j = 0; j < columns; j++) {
      error += Math.abs(mass[j]! - 1);
      const log = mass[j]! > STARVED ? Math.log(mass[j]!) : this.#logMass(j, epsilon);
      if (log > -Infinity) g[j] = g[j]! - epsilon * log;
    }
    return error / columns;
  }

  /** log Σ over i of P[i, j] with nothing left out. */
  #logMass(j: number, epsilon: number): number {
    const { cost, rows, columns } = this.#problem;
    const f = this.#f;
    let top = -Infinity;
    for (let i = 0; i < rows; i++) top = Math.max(top, f[i]! - cost[i * columns + j]!);
    if (top === -Infinity) return -Infinity;
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += Math.exp((f[i]! - cost[i * columns + j]! - top) / epsilon);
    return (top + this.#g[j]!) / epsilon + Math.log(sum);
  }
}
