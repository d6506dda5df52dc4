/**
 * Pairing by the matrix of costs: which sides are compared, who computes their costs, what is done to the costs before
 * they are solved, and what came out. The computing stands between the two halves, so that a caller may wait for it.
 */
import {
  addConditions,
  type ConditionReport,
  type Conditions,
  keptConditions,
  readConditions,
} from './conditions.ts';
import { type CostShape, pairwiseCost, pairwiseCostAsync } from './cost.ts';
import { AssignmentError } from './errors.ts';
import { type Batch } from './inputs.ts';
import { flippedSides } from './methods/flipped.ts';
import { identityPairing } from './methods/identity.ts';
import { linearSides } from './methods/linear.ts';
import { type Sides } from './methods/sides.ts';
import { type Metric } from './metric.ts';
import { type ComputeCost, type Settings } from './options.ts';
import { type QuantisationLoss, quantiseCost, quantiseSides, type QuantisationReport } from './quantise.ts';
import { type SinkhornReport } from './solve/sinkhorn.ts';
import { solveAssignment, type SolveOptions } from './solve/solve-assignment.ts';
import { standardizedSides } from './standardize.ts';
import { type AssignmentStats } from './stats.ts';

/** A matrix that has to be computed before a pairing can be found. */
export interface CostProblem {
  readonly sides: Sides;
  readonly metric: Metric;
  readonly shape: CostShape;
}

export interface ComputedCost {
  readonly cost: Float32Array; // [rows, columns]
  readonly milliseconds: number;
}

/** A pairing with the certificate of the problem that gave it, in sums over the batch. */
export interface Solved {
  readonly pairing: Int32Array;
  readonly cost: number | null;
  readonly gap: number | null;
  readonly exact: boolean;
  readonly quantisation?: QuantisationReport;
  readonly conditions?: ConditionReport;
  readonly sinkhorn?: SinkhornReport;
  readonly milliseconds: AssignmentStats['milliseconds'];
}

/** What is left to do: the matrices, and what follows them. */
export interface MatrixTask {
  /** The matrix that decides; with `compareExact` the one that float16 stands for, too. */
  readonly problems: readonly CostProblem[];
  /** @param computed the matrices, in that order */
  readonly finish: (computed: readonly ComputedCost[]) => Solved;
}

/** @throws AssignmentError `not-finite`, `invalid-size`, `invalid-option` */
export function matrixTask(batch: Batch, settings: Settings, conditions: Conditions | undefined): MatrixTask {
  const { metric, float16, scale, standardize, compareExact, solve } = settings;
  const { rows, dimensions } = batch;
  const began = performance.now();
  const distances = conditions && readConditions(conditions, rows);
  const raw = settings.method === 'flipped' ? flippedSides(batch) : linearSides(batch);
  const sides = standardizedSides(raw, rows, dimensions, standardize);
  const prepared = performance.now();
  const compared = float16 ? quantiseSides(sides, scale) : sides;
  const before = { cost: prepared - began, quantise: float16 ? performance.now() - prepared : 0 };
  const shape = { rows, columns: rows, dimensions };
  return {
    problems: (compareExact ? [compared, sides] : [compared]).map((each) => ({ sides: each, metric, shape })),
    finish: ([decisive, exact]) => {
      if (decisive === undefined) throw new RangeError('finish: wants a matrix for each problem');
      const computed = performance.now();
      const quantised = float16 ? quantiseCost(decisive.cost, metric, scale) : undefined;
      const rounded = performance.now();
      const plain = quantised?.cost ?? decisive.cost;
      const weighed = distances && addConditions(plain, distances, rows);
      const added = performance.now();
      const solution = solveAssignment(weighed?.cost ?? plain, rows, rows, solve);
      const { pairing } = solution;
      const exactCost =
        exact && distances && weighed
          ? addConditions(exact.cost, { ...distances, weight: weighed.weight }, rows).cost
          : exact?.cost;
      return {
        ...solution,
        ...(quantised && {
          quantisation: {
            ...quantised.report,
            ...(exactCost && { lost: lossAgainst(exactCost, pairing, batch, solve) }),
          },
        }),
        ...(distances &&
          weighed && {
            conditions: {
              weight: weighed.weight,
              ratio: weighed.ratio,
              kept: keptConditions(distances, pairing),
            },
          }),
        milliseconds: {
          cost: before.cost + decisive.milliseconds + added - rounded,
          quantise: float16 ? before.quantise + rounded - computed : 0,
          solve: solution.milliseconds,
        },
      };
    },
  };
}

/** Computes on the calling thread. */
export function costHere({ sides, metric, shape }: CostProblem): ComputedCost {
  const began = performance.now();
  const cost = pairwiseCost(sides.x0, sides.noise, metric, shape);
  return { cost, milliseconds: performance.now() - began };
}

/** Computes on several threads. */
export async function costOnThreads(
  { sides, metric, shape }: CostProblem,
  threads: number | undefined,
): Promise<ComputedCost> {
  const began = performance.now();
  const cost = await pairwiseCostAsync(sides.x0, sides.noise, metric, shape, { threads });
  return { cost, milliseconds: performance.now() - began };
}

/** Has the caller's function compute. @throws AssignmentError `solver-failure` when it returns no such matrix */
export async function costByHook(
  { sides, metric, shape }: CostProblem,
  computeCost: ComputeCost,
): Promise<ComputedCost> {
  const began = performance.now();
  const cost: unknown = await computeCost(sides.x0, sides.noise, metric, shape);
  if (!(cost instanceof Float32Array) || cost.length !== shape.rows * shape.columns) {
    throw new AssignmentError(
      'solver-failure',
      `assignNoise: computeCost must return a Float32Array of ${shape.rows} × ${shape.columns} costs, got ` +
        (cost instanceof Float32Array ? `${cost.length} numbers` : typeof cost),
    );
  }
  return { cost, milliseconds: performance.now() - began };
}

/** What `pairing` gives away against the best pairing by `cost`. */
function lossAgainst(
  cost: Float32Array,
  pairing: Int32Array,
  batch: Batch,
  solve: SolveOptions,
): QuantisationLoss {
  const { rows } = batch;
  const best = solveAssignment(cost, rows, rows, solve);
  const total = (chosen: Int32Array): number =>
    chosen.reduce((sum, column, row) => sum + cost[row * rows + column]!, 0);
  const gain = total(identityPairing(batch)) - best.cost;
  return {
    pairs: pairing.reduce((changed, column, row) => changed + (column === best.pairing[row] ? 0 : 1), 0),
    gain: gain > 0 ? (total(pairing) - best.cost) / gain : 0,
  };
}
