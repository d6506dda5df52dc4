/**
 * The one line that makes diffusion immiscible: before images are diffused, the batch's noise is assigned to them
 * (Immiscible Diffusion, Algorithm 1).
 *
 * Only noise moves. What comes back is the only noise anyone may use from here on: the same array makes x_t and is
 * the target. Images, labels and conditions keep their order, and no input is written to.
 */
import { AssignmentError } from './errors.ts';
import { type CostShape, pairwiseCost } from './cost.ts';
import { type Batch, readBatch, sampleLength, type Samples } from './inputs.ts';
import { flippedSides } from './methods/flipped.ts';
import { identityPairing } from './methods/identity.ts';
import { linearSides } from './methods/linear.ts';
import { nearestOfStreams, nearestPairing } from './methods/nearest.ts';
import { type Sides } from './methods/sides.ts';
import { type Metric, metricDegree } from './metric.ts';
import { drawStreams, isNoiseStreams, type NoiseStreams } from './noise-streams.ts';
import {
  type AssignNoiseOptions,
  type AssignOptions,
  type ComputeCost,
  readOptions,
  type Settings,
} from './options.ts';
import { quantiseCost, quantiseSide, type QuantisationReport } from './quantise.ts';
import { solveAssignment } from './solve/solve-assignment.ts';
import { type AssignmentStats, marginal, meanPairCost } from './stats.ts';

export interface AssignedNoise {
  /** A new array in the shape of x0: noise[i] belongs to x0[i]. */
  readonly noise: Float32Array;
  readonly shape: readonly number[];
  /** [rows] The row of the drawn noise that each image got. */
  readonly pairing: Int32Array;
  readonly stats: AssignmentStats;
}

/**
 * Assigns noise to images. The inputs must stay as they are until the promise resolves.
 *
 * @param x0 B images of D numbers, on the scale they are diffused with (the reduction depends on it: images in
 *   [-1, 1] and images of unit variance differ)
 * @param noise B noises of D numbers; for `nearest` k*B of them, image i's in the rows i*k … i*k + k-1. Or the B
 *   streams to draw them from: `nearest` then holds k noises at a time, not k*B
 * @throws AssignmentError `invalid-size`, `invalid-option`, `not-finite`, `infeasible` (float16 overflow), or
 *   `solver-failure` (what `computeCost` returned cannot be used)
 */
export async function assignNoise(
  x0: Samples,
  noise: Samples | NoiseStreams,
  options: AssignNoiseOptions = {},
): Promise<AssignedNoise> {
  const task = prepare(x0, noise, options);
  if (task.kind === 'direct') return task.finish();
  const { computeCost } = options;
  return task.finish(
    computeCost === undefined ? localCost(task.problem) : await delegatedCost(task.problem, computeCost),
  );
}

/** As {@link assignNoise}, without waiting: costs are computed here. */
export function assignNoiseSync(
  x0: Samples,
  noise: Samples | NoiseStreams,
  options: AssignOptions = {},
): AssignedNoise {
  const task = prepare(x0, noise, options);
  return task.kind === 'direct' ? task.finish() : task.finish(localCost(task.problem));
}

/** A matrix that has to be computed before a pairing can be found. */
interface CostProblem {
  readonly sides: Sides;
  readonly metric: Metric;
  readonly shape: CostShape;
}

interface ComputedCost {
  readonly cost: Float32Array;
  readonly milliseconds: number;
}

/** What is left to do once the inputs are read: all of it, or what follows the matrix. */
type Task =
  | { readonly kind: 'direct'; finish(): AssignedNoise }
  | { readonly kind: 'matrix'; readonly problem: CostProblem; finish(computed: ComputedCost): AssignedNoise };

/** A pairing with the certificate of the problem that gave it, in sums over the batch. */
interface Solved {
  readonly pairing: Int32Array;
  readonly cost: number | null;
  readonly gap: number | null;
  readonly exact: boolean;
  readonly quantisation?: QuantisationReport;
  readonly milliseconds: AssignmentStats['milliseconds'];
}

function prepare(x0: Samples, noise: Samples | NoiseStreams, options: AssignOptions): Task {
  const settings = readOptions(options);
  const { method, metric } = settings;
  const streams = isNoiseStreams(noise) ? noise : undefined;
  const batch = isNoiseStreams(noise)
    ? readBatch(x0, firstOfStreams(x0, noise), options.batch ?? noise.streams.length, 1)
    : readBatch(x0, noise, options.batch, settings.perRow);

  switch (method) {
    case 'identity':
      return { kind: 'direct', finish: () => describe(batch, metric, keep(batch)) };
    case 'nearest':
      if (streams !== undefined) {
        return { kind: 'direct', finish: () => drawNearest(batch, streams, options.k, settings) };
      }
      return { kind: 'direct', finish: () => describe(batch, metric, takeNearest(batch, settings)) };
    case 'linear':
    case 'flipped': {
      const raw = method === 'linear' ? linearSides(batch) : flippedSides(batch);
      const began = performance.now();
      const sides = settings.float16 ? quantiseSides(raw, settings.scale) : raw;
      const sidesMilliseconds = performance.now() - began;
      const shape = { rows: batch.rows, columns: batch.rows, dimensions: batch.dimensions };
      return {
        kind: 'matrix',
        problem: { sides, metric, shape },
        finish: (computed) =>
          describe(batch, metric, pairByMatrix(batch, settings, computed, sidesMilliseconds)),
      };
    }
  }
}

function firstOfStreams(x0: Samples, noise: NoiseStreams): Samples {
  const length = sampleLength(x0, noise.streams.length);
  return { data: drawStreams(noise, length), shape: [noise.streams.length, length] };
}

function localCost({ sides, metric, shape }: CostProblem): ComputedCost {
  const began = performance.now();
  const cost = pairwiseCost(sides.x0, sides.noise, metric, shape);
  return { cost, milliseconds: performance.now() - began };
}

async function delegatedCost(
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

function pairByMatrix(
  { rows }: Batch,
  { metric, float16, scale, solver }: Settings,
  computed: ComputedCost,
  sidesMilliseconds: number,
): Solved {
  const began = performance.now();
  const quantised = float16 ? quantiseCost(computed.cost, metric, scale) : undefined;
  const quantise = float16 ? sidesMilliseconds + performance.now() - began : 0;
  const solution = solveAssignment(quantised?.cost ?? computed.cost, rows, rows, { solver });
  return {
    ...solution,
    ...(quantised && { quantisation: quantised.report }),
    milliseconds: { cost: computed.milliseconds, quantise, solve: solution.milliseconds },
  };
}

function keep(batch: Batch): Solved {
  const milliseconds = { cost: 0, quantise: 0, solve: 0 };
  return { pairing: identityPairing(batch), cost: null, gap: null, exact: false, milliseconds };
}

function takeNearest(batch: Batch, { metric, float16, scale }: Settings): Solved {
  const began = performance.now();
  const sides = float16 ? quantiseSides(batch, scale) : batch;
  const rounded = performance.now();
  const choice = nearestPairing(batch, sides, metric, float16);
  return {
    pairing: choice.pairing,
    cost: float16 ? choice.cost / scale ** metricDegree(metric) : choice.cost,
    gap: 0, // every image has the best of what is its own to choose
    exact: true,
    milliseconds: { cost: performance.now() - rounded, quantise: float16 ? rounded - began : 0, solve: 0 },
  };
}

function drawNearest(
  batch: Batch,
  streams: NoiseStreams,
  k: number | undefined,
  { metric, float16, scale }: Settings,
): AssignedNoise {
  const began = performance.now();
  const x0 = float16 ? quantiseSide('x0', batch.x0, scale) : batch.x0;
  const { pairing, cost, kept } = nearestOfStreams(batch, x0, streams, k, metric, float16, scale);
  const assigned = describe(kept, metric, {
    pairing: Int32Array.from({ length: kept.rows }, (_, i) => 2 * i + 1),
    cost: float16 ? cost / scale ** metricDegree(metric) : cost,
    gap: 0,
    exact: true,
    milliseconds: { cost: performance.now() - began, quantise: 0, solve: 0 },
  });
  return { ...assigned, pairing };
}

function quantiseSides({ x0, noise }: Sides, scale: number): Sides {
  return { x0: quantiseSide('x0', x0, scale), noise: quantiseSide('noise', noise, scale) };
}

/** Gathers the chosen noise and measures what it did. */
function describe(batch: Batch, metric: Metric, solved: Solved): AssignedNoise {
  const { rows, dimensions } = batch;
  const noise = new Float32Array(rows * dimensions);
  for (let i = 0; i < rows; i++) {
    const from = solved.pairing[i]! * dimensions;
    noise.set(batch.noise.subarray(from, from + dimensions), i * dimensions);
  }
  const drawn = identityPairing(batch);
  const costBefore = meanPairCost(batch, drawn, metric);
  const costAfter = meanPairCost(batch, solved.pairing, metric);
  const [before, after] =
    metric === 'dot'
      ? [meanPairCost(batch, drawn, 'l2'), meanPairCost(batch, solved.pairing, 'l2')]
      : [costBefore, costAfter];
  const mean = (total: number | null): number | null => (total === null ? null : total / rows);
  return {
    noise,
    shape: batch.shape,
    pairing: solved.pairing,
    stats: {
      costBefore,
      costAfter,
      reduction: before > 0 ? after / before - 1 : 0,
      solvedCost: mean(solved.cost),
      dualBound: solved.cost === null || solved.gap === null ? null : (solved.cost - solved.gap) / rows,
      gap: mean(solved.gap),
      exact: solved.exact,
      marginal: marginal(noise),
      ...(solved.quantisation && { quantisation: solved.quantisation }),
      milliseconds: solved.milliseconds,
    },
  };
}
