import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstCrossing } from './crossing.ts';

const curve = [
  { images: 100, frechet: 8 },
  { images: 200, frechet: 4 },
  { images: 300, frechet: 5 },
  { images: 400, frechet: 2 },
];

it.each([
  [9, { images: 100, atMost: true }],
  [8, { images: 100, atMost: true }],
  [5, { images: 175, atMost: false }],
  [4, { images: 200, atMost: false }],
  [3, { images: 300 + 200 / 3, atMost: false }],
  [1.9, undefined],
])('comes down to %d first at %o', (goal, wanted) => {
  const found = firstCrossing(curve, goal);
  if (wanted === undefined) expect(found).toBeUndefined();
  else {
    expect(found!.images).toBeCloseTo(wanted.images, 9);
    expect(found!.atMost).toBe(wanted.atMost);
  }
});

it('comes later to a stricter goal', () => {
  const values = fc.array(fc.double({ min: 0.1, max: 9, noNaN: true }), { minLength: 1, maxLength: 9 });
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 9, noNaN: true }), (frechet, goal) => {
      const points = frechet.map((value, i) => ({ images: 10 * (i + 1), frechet: value }));
      const [loose, strict] = [firstCrossing(points, goal), firstCrossing(points, goal / 2)];
      if (strict) expect(loose!.images).toBeLessThanOrEqual(strict.images);
      else expect(Math.min(...frechet)).toBeGreaterThan(goal / 2);
    }),
  );
});
