/**
 * The one line that makes diffusion immiscible: before images are diffused, the batch's noise is assigned to them
 * (Immiscible Diffusion, Algorithm 1).
 *
 * Only noise moves. What comes back is the only noise anyone may use from here on: the same array makes x_t and is
 * the target. Images, labels and conditions keep their order, and no input is written to.
 */
import { type Batch, readBatch, sampleLength, type Samples } from './inputs.ts';
import {
  type ComputedCost,
  type CostProblem,
  costByHook,
  costHere,
  costOnThreads,
  matrixTask,
  type Solved,
} from './matrix.ts';
import { identityPairing } from './methods/identity.ts';
import { nearestOfStreams, nearestPairing } from './methods/nearest.ts';
import { type Metric, metricDegree } from './metric.ts';
import { drawStreams, isNoiseStreams, type NoiseStreams } from './noise-streams.ts';
import {
  type AssignNoiseOptions,
  type AssignOptions,
  checkThreads,
  readOptions,
  type Settings,
} from './options.ts';
import { quantiseSide, quantiseSides } from './quantise.ts';
import { standardizedSides } from './standardize.ts';
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
 * @throws AssignmentError `invalid-size`, `invalid-option`, `not-finite`, `infeasible` (float16 overflow),
 *   `solver-failure` (what `computeCost` returned cannot be used), `worker-failure` (a thread ended)
 */
export async function assignNoise(
  x0: Samples,
  noise: Samples | NoiseStreams,
  options: AssignNoiseOptions = {},
): Promise<AssignedNoise> {
  const { computeCost, threads } = options;
  checkThreads(threads);
  const task = prepare(x0, noise, options);
  if (task.kind === 'direct') return task.finish();
  const computed: ComputedCost[] = [];
  for (const problem of task.problems) {
    computed.push(
      await (computeCost === undefined ? costOnThreads(problem, threads) : costByHook(problem, computeCost)),
    );
  }
  return task.finish(computed);
}

/** As {@link assignNoise}, without waiting: costs are computed on this thread. */
export function assignNoiseSync(
  x0: Samples,
  noise: Samples | NoiseStreams,
  options: AssignOptions = {},
): AssignedNoise {
  const task = prepare(x0, noise, options);
  return task.kind === 'direct' ? task.finish() : task.finish(task.problems.map(costHere));
}

/** What is left to do once the inputs are read: all of it, or what follows the matrix. */
type Task =
  | { readonly kind: 'direct'; finish(): AssignedNoise }
  | {
      readonly kind: 'matrix';
      readonly problems: readonly CostProblem[];
      finish(computed: readonly ComputedCost[]): AssignedNoise;
    };

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
      const { problems, finish } = matrixTask(batch, settings, options.conditions);
      return {
        kind: 'matrix',
        problems,
        finish: (computed) => describe(batch, metric, finish(computed)),
      };
    }
  }
}

function firstOfStreams(x0: Samples, noise: NoiseStreams): Samples {
  const length = sampleLength(x0, noise.streams.length);
  return { data: drawStreams(noise, length), shape: [noise.streams.length, length] };
}

function keep(batch: Batch): Solved {
  const milliseconds = { cost: 0, quantise: 0, solve: 0 };
  return { pairing: identityPairing(batch), cost: null, gap: null, exact: false, milliseconds };
}

function takeNearest(batch: Batch, { metric, float16, scale, standardize }: Settings): Solved {
  const began = performance.now();
  const compared = standardizedSides(batch, batch.rows, batch.dimensions, standardize);
  const prepared = performance.now();
  const sides = float16 ? quantiseSides(compared, scale) : compared;
  const rounded = performance.now();
  const choice = nearestPairing(batch, sides, metric, float16);
  return {
    pairing: choice.pairing,
    cost: float16 ? choice.cost / scale ** metricDegree(metric) : choice.cost,
    gap: 0, // every image has the best of what is its own to choose
    exact: true,
    milliseconds: {
      cost: performance.now() - rounded + prepared - began,
      quantise: float16 ? rounded - prepared : 0,
      solve: 0,
    },
  };
}

function drawNearest(
  batch: Batch,
  streams: NoiseStreams,
  k: number | undefined,
  { metric, float16, scale, standardize }: Settings,
): AssignedNoise {
  const began = performance.now();
  const compared = standardizedSides(batch, batch.rows, batch.dimensions, standardize).x0;
  const x0 = float16 ? quantiseSide('x0', compared, scale) : compared;
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
      ...(solved.conditions && { conditions: solved.conditions }),
      ...(solved.sinkhorn && { sinkhorn: solved.sinkhorn }),
      milliseconds: solved.milliseconds,
    },
  };
}
