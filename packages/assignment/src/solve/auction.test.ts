import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matrix } from '../../test/matrices.ts';
import { type Costs } from '../index.ts';
import { auction } from './auction.ts';
import { certify } from './certificate.ts';
import { jonkerVolgenant } from './jonker-volgenant.ts';
import { type Problem } from './problem.ts';

function problemOf(cost: Costs, rows: number, columns: number, looks = Infinity): Problem {
  let asked = 0;
  return {
    cost,
    rows,
    columns,
    forbidden: cost.includes(Infinity),
    outOfTime: () => ++asked > looks,
  };
}

// That it finds what brute force finds, with forbidden pairs and rectangles, is in solve-assignment.test.ts.
describe('auction', () => {
  it('leaves columns over with a dual of 0, and none above', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        (rows, more, seed) => {
          const columns = rows + more;
          const cost = matrix('uniform', rows, columns).map((c, e) => c + Math.sin(e * (1 + (seed % 97))));
          const problem = problemOf(cost, rows, columns);
          const { x, y, v } = auction(problem);
          expect(Math.max(...v)).toBeLessThanOrEqual(0);
          y.forEach((row, j) => {
            if (row < 0) expect(v[j]).toBeCloseTo(0, 12);
            else expect(x[row]).toBe(j);
          });
          expect(certify(problem, { x, y, v }).cost).toBeCloseTo(
            certify(problem, jonkerVolgenant(problem)).cost,
            9,
          );
        },
      ),
      { numRuns: 60, seed: 8 },
    );
  });

  it('stops when asked to, with the pairs that it has', () => {
    const n = 120;
    const cost = matrix('image-noise', n, n);
    const whole = auction(problemOf(cost, n, n));
    expect(whole.x.every((column) => column >= 0)).toBe(true);
    for (const looks of [0, 1, 5]) {
      const { x, y } = auction(problemOf(cost, n, n, looks));
      expect(x.some((column) => column < 0)).toBe(true);
      x.forEach((column, i) => {
        if (column >= 0) expect(y[column]).toBe(i);
      });
    }
  });

  it.each([
    ['tiny', 1e-310],
    ['huge', 1e300],
  ])('is exact on %s costs, where powers of two end', (_, scale) => {
    const n = 20;
    const cost = matrix('uniform', n, n).map((c) => c * scale);
    expect(certify(problemOf(cost, n, n), auction(problemOf(cost, n, n))).exact).toBe(true);
  });

  it('never rounds where costs are multiples of a power of two', () => {
    const n = 64;
    const cost = matrix('ties', n, n).map((c, e) => c + (e % 5) / 8);
    const problem = problemOf(cost, n, n);
    expect(certify(problem, auction(problem)).gap).toBe(0);
  });
});
