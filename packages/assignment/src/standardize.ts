/**
 * Images brought to mean 0 and variance 1 before they are compared with noise that has both: a pairing then follows
 * what makes images differ, not an offset that they share or the few features with the largest numbers. Only costs see
 * it; what is diffused stays as it was.
 */
import { AssignmentError } from './errors.ts';
import { type Sides } from './methods/sides.ts';

/**
 * - `feature`: each of the D numbers of an image by its mean and variance over the batch
 * - `batch`: all numbers by the mean and variance of them all
 */
export type Standardize = 'feature' | 'batch';

/**
 * @param data [rows, dimensions], not written to
 * @returns [rows, dimensions]; zeros where there is no variance
 * @throws AssignmentError `invalid-option` for `feature` with a single row, which differs from no other
 */
export function standardized(
  data: Float32Array,
  rows: number,
  dimensions: number,
  over: Standardize,
): Float32Array {
  if (over === 'batch') return byMoments(data, data.length, 1);
  if (rows > 1) return byMoments(data, rows, dimensions);
  throw new AssignmentError(
    'invalid-option',
    "assignNoise: standardize 'feature' compares images with each other and needs 2 or more, got 1; use 'batch'",
  );
}

/** The sides with the images standardised, or as they are. @throws AssignmentError as {@link standardized} */
export function standardizedSides(
  sides: Sides,
  rows: number,
  dimensions: number,
  over: Standardize | undefined,
): Sides {
  return over === undefined ? sides : { ...sides, x0: standardized(sides.x0, rows, dimensions, over) };
}

/** (value - mean) / standard deviation of its column; [rows, columns], moments in float64 around the mean. */
function byMoments(data: Float32Array, rows: number, columns: number): Float32Array {
  const mean = new Float64Array(columns);
  const factor = new Float64Array(columns);
  for (let e = 0, i = 0; i < rows; i++) {
    for (let k = 0; k < columns; k++, e++) mean[k]! += data[e]!;
  }
  for (let k = 0; k < columns; k++) mean[k]! /= rows;
  for (let e = 0, i = 0; i < rows; i++) {
    for (let k = 0; k < columns; k++, e++) {
      const difference = data[e]! - mean[k]!;
      factor[k]! += difference * difference;
    }
  }
  for (let k = 0; k < columns; k++) factor[k] = factor[k]! > 0 ? 1 / Math.sqrt(factor[k]! / rows) : 0;
  const out = new Float32Array(data.length);
  for (let e = 0, i = 0; i < rows; i++) {
    for (let k = 0; k < columns; k++, e++) out[e] = (data[e]! - mean[k]!) * factor[k]!;
  }
  return out;
}
