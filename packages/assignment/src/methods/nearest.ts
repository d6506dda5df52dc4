/**
 * Best of k (arXiv 2505.18521, "Improved Immiscible Diffusion"): each image draws k noises and takes the nearest. It
 * needs no other image, so it works at batch size 1; by a distance it favours short noise and shrinks the variance,
 * by inner product (`dot`) it does not.
 */
import { AssignmentError } from '../errors.ts';
import { toFloat16Bits, fromFloat16Bits } from '../float16.ts';
import { type Batch } from '../inputs.ts';
import { candidateCosts } from '../measure.ts';
import { type Metric } from '../metric.ts';
import { drawStream, type NoiseStreams } from '../noise-streams.ts';
import { quantiseSide } from '../quantise.ts';
import { type Sides } from './sides.ts';

export interface NearestChoice {
  /** [rows] The row of noise that each image takes: i*k + the candidate's number. */
  readonly pairing: Int32Array;
  /** Σ of the costs of the chosen, as they were compared. */
  readonly cost: number;
}

/**
 * @param sides what is compared: the batch itself, or rounded to float16
 * @param float16 whether costs are rounded to float16 before they are compared; among equals the first wins
 */
export function nearestPairing(
  { rows, perRow, dimensions }: Batch,
  sides: Sides,
  metric: Metric,
  float16: boolean,
): NearestChoice {
  const pairing = new Int32Array(rows);
  let total = 0;
  for (let i = 0; i < rows; i++) {
    const image = sides.x0.subarray(i * dimensions, (i + 1) * dimensions);
    const own = sides.noise.subarray(i * perRow * dimensions, (i + 1) * perRow * dimensions);
    const { candidate, cost } = nearestOf(image, own, metric, float16);
    pairing[i] = i * perRow + candidate;
    total += cost;
  }
  return { pairing, cost: total };
}

/** A choice among candidates that were drawn for it, and what is kept of them. */
export interface DrawnChoice extends NearestChoice {
  /** The batch with two noises for each image: the first drawn, then the chosen one. */
  readonly kept: Batch;
}

/**
 * As {@link nearestPairing}, with candidates drawn from each image's stream while it chooses: k noises are in memory,
 * never k for each image.
 *
 * @param batch its noise is not read
 * @param scale with `float16`, what candidates are multiplied by, as the images of `x0` were
 * @throws AssignmentError `invalid-option` for a seed or stream that is none, or without a number k
 */
export function nearestOfStreams(
  batch: Batch,
  x0: Float32Array,
  { seed, streams }: NoiseStreams,
  k: number | undefined,
  metric: Metric,
  float16: boolean,
  scale: number,
): DrawnChoice {
  const { rows, dimensions } = batch;
  if (k === undefined || !Number.isSafeInteger(k) || k < 1) {
    throw new AssignmentError(
      'invalid-option',
      `assignNoise: with noise from streams, k must be how many each image draws, from 1 on, got ${k}`,
    );
  }
  const pairing = new Int32Array(rows);
  const own = new Float32Array(k * dimensions);
  const kept = new Float32Array(2 * rows * dimensions);
  let total = 0;
  for (let i = 0; i < rows; i++) {
    drawStream(seed, streams[i]!, own);
    const compared = float16 ? quantiseSide('noise', own, scale) : own;
    const image = x0.subarray(i * dimensions, (i + 1) * dimensions);
    const { candidate, cost } = nearestOf(image, compared, metric, float16);
    kept.set(own.subarray(0, dimensions), 2 * i * dimensions);
    kept.set(own.subarray(candidate * dimensions, (candidate + 1) * dimensions), (2 * i + 1) * dimensions);
    pairing[i] = i * k + candidate;
    total += cost;
  }
  return { pairing, cost: total, kept: { ...batch, noise: kept, perRow: 2 } };
}

/** The candidate with the smallest cost, the first among equals. @param candidates [k, dimensions] */
function nearestOf(
  image: Float32Array,
  candidates: Float32Array,
  metric: Metric,
  float16: boolean,
): { candidate: number; cost: number } {
  let smallest = Infinity;
  let chosen = 0;
  candidateCosts(metric, image, candidates).forEach((exact, c) => {
    const cost = float16 ? fromFloat16Bits(toFloat16Bits(exact)) : exact;
    if (cost < smallest) {
      smallest = cost;
      chosen = c;
    }
  });
  return { candidate: chosen, cost: smallest };
}
