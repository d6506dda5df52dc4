import { expect, it } from 'vitest';
import { matrix } from '../../test/matrices.ts';
import { orient } from './orient.ts';

it('transposes and negates into a copy, and copies nothing where nothing turns', () => {
  const [rows, columns] = [37, 70];
  const cost = matrix('uniform', rows, columns).with(5, Infinity);
  expect(orient(cost, rows, columns, { transpose: false, negate: false })).toBe(cost);
  const before = cost.slice();
  for (const transpose of [false, true]) {
    for (const negate of [false, true]) {
      const turned = orient(cost, rows, columns, { transpose, negate });
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) {
          const there = turned[transpose ? j * rows + i : i * columns + j];
          expect(there).toBe((negate ? -1 : 1) * cost[i * columns + j]!);
        }
      }
    }
  }
  expect(cost).toEqual(before);
  expect(orient(Float32Array.of(1, 2), 1, 2, { transpose: true, negate: true })).toEqual(
    Float32Array.of(-1, -2),
  );
});
