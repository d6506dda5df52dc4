import { memoryDataset, openToy2d } from '@immiscible/datasets';
import { streamNormal } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { arePoints, exactDistance, measurePoints, modesOf } from './points.ts';

const set = openToy2d({ shape: '8-gaussians', points: 1200 });
const [half, other] = [set.values.subarray(0, 1200), set.values.subarray(1200)];

describe('points in the plane', () => {
  it('are images of two channels and one pixel', () => {
    expect(arePoints([2, 1, 1])).toBe(true);
    for (const shape of [
      [1, 1, 1],
      [2, 1, 2],
      [3, 8, 8],
    ] as const)
      expect(arePoints(shape)).toBe(false);
  });

  it('of the same distribution are near each other, cover its modes and stay in them', () => {
    const { wasserstein2, modes } = measurePoints(half, other, modesOf(set));
    expect(wasserstein2).toBeGreaterThan(0);
    expect(wasserstein2).toBeLessThan(0.3);
    expect(modes).toMatchObject({ covered: 8, of: 8 });
    // Within three deviations in the plane lie 1 − exp(−9/2) of a Gaussian.
    expect(modes!.inReach).toBeGreaterThan(0.97);
  });

  it('that were moved are as far as they were moved', () => {
    const moved = half.map((value, i) => value + (i % 2 === 0 ? 0.03 : 0.04));
    expect(exactDistance(half, moved)).toBeCloseTo(0.05, 5);
    expect(exactDistance(half, half)).toBe(0);
  });

  it('of one mode are far off, and so is noise', () => {
    const [x, y] = modesOf(set)!.centres;
    const one = half.map((_, i) => (i % 2 === 0 ? x! : y!));
    const collapsed = measurePoints(one, other, modesOf(set));
    expect(collapsed.modes).toEqual({ covered: 1, of: 8, inReach: 1 });
    expect(collapsed.wasserstein2).toBeGreaterThan(0.8);
    const noise = measurePoints(streamNormal(1, 0, new Float32Array(1200)), other, modesOf(set));
    expect(noise.modes!.inReach).toBeLessThan(0.2);
  });

  it('have no modes where their set is no mixture', () => {
    const roll = openToy2d({ shape: 'swiss-roll', points: 20 });
    expect(modesOf(roll)).toBeUndefined();
    expect(measurePoints(roll.values, roll.values)).toEqual({ wasserstein2: 0 });
    const provenance = { source: 'here', hashes: {}, operations: [] };
    const bytes = memoryDataset({
      name: 'bytes',
      images: new Uint8Array(2),
      channels: 2,
      height: 1,
      width: 1,
      provenance,
    });
    expect(modesOf(bytes)).toBeUndefined();
  });
});
