/**
 * Costs that know of conditions (Cheng and Schwing, "The Curse of Conditions", arXiv 2503.10636, C²OT): cost + w · the
 * distance of conditions, so that noise does not come to tell what condition its image had. Noise counts as drawn for
 * the condition of the image that it was drawn with, row by row.
 */
import { pairwiseCost } from './cost.ts';
import { AssignmentError } from './errors.ts';
import { select } from './solve/select.ts';

/** The conditions of one call's images, and what a difference between two of them costs. */
export interface Conditions {
  /** [rows] class labels: their distance is 0 or 1. Or [rows, any] embeddings: 1 - the cosine of their angle. */
  readonly values: Int32Array | Float32Array;
  /** w, 0 or more, in units of the metric. Infinity: noise moves between images of equal condition only. */
  readonly weight?: number;
  /**
   * In place of `weight`: r, the share of all pairs (image, noise) that may be no dearer than the image's own noise; w
   * is the smallest that leaves no more. The paper's adaptive weight with its r_tar; more than the 1 / rows that every
   * image's own noise makes up.
   */
  readonly target?: number;
}

/** What conditions did. */
export interface ConditionReport {
  /** w: as given, or found; Infinity when only pairs of equal condition leave no more than the target. */
  readonly weight: number;
  /** The share of pairs that are no dearer than the image's own noise. */
  readonly ratio: number;
  /** The share of images whose noise was drawn for an equal condition. */
  readonly kept: number;
}

/** The distances of conditions, and how much they are to weigh. */
export interface ConditionDistances {
  readonly distances: Float32Array; // [rows, rows], 0 exactly where conditions are equal
  readonly weight: number | undefined;
  readonly target: number | undefined;
}

/** @throws AssignmentError `invalid-size`, `invalid-option`, `not-finite` */
export function readConditions({ values, weight, target }: Conditions, rows: number): ConditionDistances {
  if (!(values instanceof Int32Array || values instanceof Float32Array)) {
    throw invalidOption('values must be an Int32Array of labels or a Float32Array of embeddings');
  }
  if ((weight === undefined) === (target === undefined)) {
    throw invalidOption(
      `either weight or target is wanted, got ${weight === undefined ? 'neither' : 'both'}`,
    );
  }
  if (weight !== undefined && !(weight >= 0)) {
    throw invalidOption(`weight must be a number from 0 on, got ${weight}`);
  }
  if (target !== undefined && !(target * rows >= 1 && target <= 1)) {
    throw invalidOption(
      `target must be from 1/${rows}, which every image's own noise makes up, to 1, got ${target}`,
    );
  }
  const labels = values instanceof Int32Array;
  if (labels ? values.length !== rows : values.length === 0 || values.length % rows !== 0) {
    throw new AssignmentError(
      'invalid-size',
      `assignNoise: conditions.values must hold ${labels ? 'a label' : 'an embedding'} for each of ${rows} images, ` +
        `got ${values.length} numbers`,
    );
  }
  return { distances: labels ? labelDistances(values) : cosineDistances(values, rows), weight, target };
}

/**
 * cost + w · distance.
 *
 * @param cost [rows, rows], not written to
 * @returns the new costs, w, and the ratio that it leaves
 */
export function addConditions(
  cost: Float32Array,
  { distances, weight, target }: ConditionDistances,
  rows: number,
): { cost: Float32Array; weight: number; ratio: number } {
  const chosen = weight ?? weightFor(cost, distances, rows, target ?? 1);
  // What is equal stays as it is, also for an infinite weight.
  const weighed = cost.map((value, e) => (distances[e] === 0 ? value : value + chosen * distances[e]!));
  let cheap = 0;
  for (let i = 0, e = 0; i < rows; i++) {
    const own = weighed[i * rows + i]!;
    for (let j = 0; j < rows; j++, e++) if (weighed[e]! <= own && weighed[e]! < Infinity) cheap++;
  }
  return { cost: weighed, weight: chosen, ratio: cheap / (rows * rows) };
}

/** The share of rows whose column has an equal condition. */
export function keptConditions({ distances }: ConditionDistances, pairing: Int32Array): number {
  const rows = pairing.length;
  return pairing.reduce((kept, j, i) => kept + (distances[i * rows + j] === 0 ? 1 : 0), 0) / rows;
}

/**
 * The smallest w with #{(i, j): cost[i, j] + w·distance[i, j] ≤ cost[i, i]} ≤ target · rows², to float32. Each pair
 * leaves the set at a w of its own, so w is an order statistic and no search has to try any.
 */
function weightFor(cost: Float32Array, distances: Float32Array, rows: number, target: number): number {
  const leaveAt = new Float64Array(rows * rows);
  let count = 0;
  let always = 0;
  for (let i = 0, e = 0; i < rows; i++) {
    const own = cost[i * rows + i]!;
    for (let j = 0; j < rows; j++, e++) {
      if (!(cost[e]! <= own && cost[e]! < Infinity)) continue;
      if (distances[e] === 0) always++;
      else leaveAt[count++] = (own - cost[e]!) / distances[e]!;
    }
  }
  const allowed = Math.floor(target * rows * rows);
  if (always + count <= allowed) return 0;
  if (always > allowed) return Infinity;
  // All but `allowed - always` have to leave; the sum is rounded to float32, so w goes a little beyond the last.
  const last = select(leaveAt, count, count - 1 - (allowed - always));
  return last * (1 + 1e-5) + Number.MIN_VALUE;
}

function labelDistances(labels: Int32Array): Float32Array {
  const rows = labels.length;
  const distances = new Float32Array(rows * rows);
  for (let i = 0, e = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++, e++) distances[e] = labels[i] === labels[j] ? 0 : 1;
  }
  return distances;
}

/** 1 - cos, as half the squared distance of unit vectors, which is 0 exactly for equal ones. */
function cosineDistances(embeddings: Float32Array, rows: number): Float32Array {
  const dimensions = embeddings.length / rows;
  const units = new Float32Array(embeddings.length);
  for (let i = 0; i < rows; i++) {
    const row = embeddings.subarray(i * dimensions, (i + 1) * dimensions);
    const norm = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (!(norm > 0 && norm < Infinity)) {
      throw new AssignmentError(
        'not-finite',
        `assignNoise: an embedding must be finite and not all zeros, but that of image ${i} has the norm ${norm}`,
      );
    }
    row.forEach((value, k) => (units[i * dimensions + k] = value / norm));
  }
  return pairwiseCost(units, units, 'sqeuclidean', { rows, columns: rows, dimensions }).map((d) => d / 2);
}

function invalidOption(what: string): AssignmentError {
  return new AssignmentError('invalid-option', `assignNoise: conditions: ${what}`);
}
