import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createLoader, openToy2d, TOY_2D_SHAPES, toy2dModes, type Toy2dShape } from './index.ts';

const each = TOY_2D_SHAPES.map((shape) => [shape] as const);

/** The points of a set. */
function pointsOf(shape: Toy2dShape, points: number, seed = 0): [number, number][] {
  const { values } = openToy2d({ shape, points, seed });
  return Array.from({ length: points }, (_, i) => [values[2 * i]!, values[2 * i + 1]!]);
}

describe('openToy2d', () => {
  it.each(each)('%s lies within the square, whatever the seed', (shape) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 40 }), (seed) => {
        const { values } = openToy2d({ shape, points: 500, seed });
        expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(1);
      }),
      { numRuns: 20 },
    );
  });

  it.each(each)('%s depends on seed and place alone', (shape) => {
    const few = openToy2d({ shape, points: 7 });
    const many = openToy2d({ shape, points: 1000 });
    expect(many.values.subarray(0, 14)).toEqual(few.values);
    expect(openToy2d({ shape, points: 7, seed: 1 }).values).not.toEqual(few.values);
    expect(few.provenance.hashes).toEqual(openToy2d({ shape, points: 7 }).provenance.hashes);
  });

  it.each(['8-gaussians', '25-gaussians'] as const)(
    '%s has modes of equal weight and its deviation',
    (shape) => {
      const { centres, deviation } = toy2dModes(shape)!;
      const count = centres.length / 2;
      const set = openToy2d({ shape, points: 20_000 });
      const tally = new Array<number>(count).fill(0);
      let squares = 0;
      for (let i = 0; i < set.length; i++) {
        const k = set.label(i);
        tally[k]! += 1;
        squares +=
          (set.values[2 * i]! - centres[2 * k]!) ** 2 + (set.values[2 * i + 1]! - centres[2 * k + 1]!) ** 2;
      }
      expect(set.modes).toBe(toy2dModes(shape));
      expect(set.classes).toHaveLength(count);
      for (const n of tally) expect(Math.abs((n * count) / set.length - 1)).toBeLessThan(0.15);
      expect(Math.sqrt(squares / (2 * set.length)) / deviation).toBeCloseTo(1, 1);
    },
  );

  it('keeps its roll rolled up: no point is off the spiral by more than its noise', () => {
    const spiral = Array.from({ length: 1001 }, (_, i) => {
      const t = 1.5 * Math.PI * (1 + (2 * i) / 1000);
      return [
        (0.85 * t * Math.cos(t)) / (4.5 * Math.PI),
        (0.85 * t * Math.sin(t)) / (4.5 * Math.PI),
      ] as const;
    });
    for (const [x, y] of pointsOf('swiss-roll', 500)) {
      const off = Math.min(...spiral.map(([u, v]) => Math.hypot(x - u, y - v)));
      expect(off).toBeLessThan(5.8 * 0.02);
    }
    expect(toy2dModes('swiss-roll')).toBeUndefined();
  });

  it('has two moons that hardly touch', () => {
    const set = openToy2d({ shape: 'two-moons', points: 2000 });
    const centre = [
      [-0.5, -0.25],
      [0.5, 0.25],
    ];
    for (let i = 0; i < set.length; i++) {
      const [cx, cy] = [(centre[set.label(i)]![0]! * 0.8) / 1.5, (centre[set.label(i)]![1]! * 0.8) / 1.5];
      const radius = Math.hypot(set.values[2 * i]! - cx, set.values[2 * i + 1]! - cy);
      expect(Math.abs(radius - 0.8 / 1.5)).toBeLessThan(5.8 * 0.03 * Math.SQRT2);
    }
  });

  it('fills the cells of its board, and no other', () => {
    const cells = new Set<string>();
    for (const [x, y] of pointsOf('checkerboard', 5000)) {
      const [column, row] = [Math.floor(2 * (x + 1)), Math.floor(2 * (y + 1))];
      expect((column + row) % 2).toBe(0);
      cells.add(`${column},${row}`);
    }
    expect(cells.size).toBe(8);
  });

  it('comes out of a loader as it is, not rounded to bytes, flipped or not', async () => {
    const set = openToy2d({ shape: '8-gaussians', points: 64 });
    for (const flip of [false, true]) {
      const { images, shape, labels, indices } = await createLoader(set, { batchSize: 16, flip }).next();
      expect(shape).toEqual([16, 2, 1, 1]);
      for (const [i, index] of indices.entries()) {
        expect(images.subarray(2 * i, 2 * i + 2)).toEqual(set.values.subarray(2 * index, 2 * index + 2));
        expect(labels[i]).toBe(set.label(index));
      }
    }
  });

  it('refuses other shapes, numbers and seeds', () => {
    expect(() => openToy2d({ shape: 'spiral' as Toy2dShape })).toThrow(
      /shape 8-gaussians, 25-gaussians, swiss-roll, two-moons, checkerboard, .* got shape spiral/,
    );
    expect(() => openToy2d({ shape: 'swiss-roll', points: 0 })).toThrow(/points 0/);
    expect(() => openToy2d({ shape: 'swiss-roll', seed: -1 })).toThrow(/seed -1/);
  });
});
