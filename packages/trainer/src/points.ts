/**
 * How good generated points are. Two moments say little of eight Gaussians on a ring, so points are measured by what is exact:
 * the Wasserstein-2 distance to as many real ones, and the modes of the mixture that have samples.
 */
import { solveAssignment } from '@immiscible/assignment';
import { isValueDataset, type ImageDataset, type Modes } from '@immiscible/datasets';
import { modeCoverage, wasserstein2 } from '@immiscible/metrics-fid';

type Shape = readonly [channels: number, height: number, width: number];

export interface PointsQuality {
  /** exact, between as many generated as real points: 1000 at most */
  readonly wasserstein2: number;
  /** of data that is a mixture; a sample belongs to a mode within three of its standard deviations */
  readonly modes?: { readonly covered: number; readonly of: number; readonly inReach: number };
}

/** Exact distances take the cube of their number in the worst case. */
const MOST = 1000;
/** Srivastava et al. 2017, "VEEGAN", section 4.1. */
const REACH = 3;

/** Whether images of this shape are points in the plane. */
export function arePoints([channels, height, width]: Shape): boolean {
  return channels === 2 && height === 1 && width === 1;
}

/** The components of a data set that is a mixture of points. */
export function modesOf(dataset: ImageDataset): Modes | undefined {
  return isValueDataset(dataset) ? dataset.modes : undefined;
}

/**
 * @param points generated, [N, 2]
 * @param real as many or more, [M, 2]
 */
export function measurePoints(points: Float32Array, real: Float32Array, modes?: Modes): PointsQuality {
  const samples = { data: points, dimension: 2 };
  const distance = exactDistance(points, real);
  if (modes === undefined) return { wasserstein2: distance };
  const { centres, deviation } = modes;
  const { covered, inReach } = modeCoverage(samples, { data: centres, dimension: 2 }, REACH * deviation);
  return { wasserstein2: distance, modes: { covered, of: centres.length / 2, inReach } };
}

/** The Wasserstein-2 distance between the first points of both sets, [N, 2] and [M, 2]. */
export function exactDistance(a: Float32Array, b: Float32Array): number {
  const count = Math.min(a.length / 2, b.length / 2, MOST);
  const first = (data: Float32Array) => ({ data: data.subarray(0, 2 * count), dimension: 2 });
  return wasserstein2(first(a), first(b), (costs, n) => solveAssignment(costs, n).pairing);
}
