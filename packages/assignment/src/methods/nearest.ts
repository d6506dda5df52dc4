/**
 * Best of k (arXiv 2505.18521, "Improved Immiscible Diffusion"): each image draws k noises and takes the nearest. It
 * needs no other image, so it works at batch size 1; by a distance it favours short noise and shrinks the variance,
 * by inner product (`dot`) it does not.
 */
import { toFloat16Bits, fromFloat16Bits } from '../float16.ts';
import { type Batch } from '../inputs.ts';
import { type Metric, pairCost } from '../metric.ts';
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
    let best = Infinity;
    let chosen = i * perRow;
    for (let candidate = i * perRow; candidate < (i + 1) * perRow; candidate++) {
      const exact = pairCost(
        metric,
        sides.x0,
        i * dimensions,
        sides.noise,
        candidate * dimensions,
        dimensions,
      );
      const cost = float16 ? fromFloat16Bits(toFloat16Bits(exact)) : exact;
      if (cost < best) {
        best = cost;
        chosen = candidate;
      }
    }
    pairing[i] = chosen;
    total += best;
  }
  return { pairing, cost: total };
}
