import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { familyNames, matrix } from '../../test/matrices.ts';
import { type Costs, solveAssignment } from '../index.ts';
import { centredOffsets, type Offsets, tighten } from './centre.ts';
import { greedyMatching } from './greedy.ts';
import { type Problem } from './problem.ts';

function problemOf(cost: Costs, rows: number, columns: number): Problem {
  return { cost, rows, columns, forbidden: cost.includes(Infinity), outOfTime: () => false };
}

/** The definition: sort all pairs, take each whose row and column are free. */
function bySorting({ cost, rows, columns }: Problem, { u, v }: Offsets): number[] {
  const key = (e: number): number => cost[e]! - u[Math.floor(e / columns)]! - v[e % columns]!;
  const order = Array.from(cost.keys()).sort((a, b) => key(a) - key(b) || a - b);
  const x = Array<number>(rows).fill(-1);
  const taken = new Set<number>();
  for (const e of order) {
    const [i, j] = [Math.floor(e / columns), e % columns];
    if (x[i]! >= 0 || taken.has(j) || cost[e] === Infinity) continue;
    x[i] = j;
    taken.add(j);
  }
  return x;
}

const sizes = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 20 }));

describe('greedy', () => {
  it('takes pairs in the order of their centred costs, as sorting all of them would', () => {
    fc.assert(
      fc.property(sizes, fc.nat({ max: 1000 }), ([rows, more], seed) => {
        const columns = rows + more;
        // No two keys are equal: which of equals comes first is nobody's promise.
        const cost = matrix('uniform', rows, columns).map((c, e) => c + Math.sin(e * (seed + 1)));
        const problem = problemOf(cost, rows, columns);
        const offsets = centredOffsets(problem);
        expect([...greedyMatching(problem, offsets).x]).toEqual(bySorting(problem, offsets));
      }),
      { numRuns: 60, seed: 7 },
    );
  });

  it('does so when every row wants the same columns, and its lists run out again and again', () => {
    const n = 150;
    const cost = Float64Array.from({ length: n * n }, (_, e) => {
      const [i, j] = [Math.floor(e / n), e % n];
      return j * (1 + 1e-4 * i) + 1e-7 * Math.sin(e);
    });
    const problem = problemOf(cost, n, n);
    const raw = { u: new Float64Array(n), v: new Float64Array(n) };
    expect([...greedyMatching(problem, raw).x]).toEqual(bySorting(problem, raw));
  });

  it.each(familyNames)('gives a pairing and a true bound on %s', (family) => {
    for (const [rows, columns] of [
      [1, 1],
      [2, 2],
      [97, 97],
      [60, 85],
    ] as const) {
      const cost = matrix(family, rows, columns);
      const best = solveAssignment(cost, rows, columns);
      const found = solveAssignment(cost, rows, columns, { solver: 'greedy' });
      const slack = 1e-9 * (1 + Math.abs(best.cost));
      expect(new Set(found.pairing).size).toBe(rows);
      expect(found.cost).toBeGreaterThanOrEqual(best.cost - slack);
      expect(found.dualBound).toBeLessThanOrEqual(best.cost + slack);
      expect(found.gap).toBeCloseTo(found.cost - found.dualBound, 6);
      expect(found.exact).toBe(found.gap <= slack);
    }
  });

  it('keeps 95 % of the gain on image–noise distances', () => {
    const n = 256;
    const cost = matrix('image-noise', n, n);
    let identity = 0;
    for (let i = 0; i < n; i++) identity += cost[i * n + i]!;
    const best = solveAssignment(cost, n).cost;
    const found = solveAssignment(cost, n, n, { solver: 'greedy' });
    expect((identity - found.cost) / (identity - best)).toBeGreaterThan(0.95);
    expect(found.exact).toBe(false);
  });

  it('finds its way out where forbidden pairs leave a row without a column', () => {
    // Row 0 takes column 0, the only one that row 1 may have.
    const cost = Float64Array.of(0, 1, 5, Infinity);
    expect([...solveAssignment(cost, 2, 2, { solver: 'greedy' }).pairing]).toEqual([1, 0]);
    const n = 80;
    const sparse = matrix('uniform', n, n).map((c, e) => ((e * 7) % 11 < 8 ? Infinity : c));
    const { pairing, cost: sum } = solveAssignment(sparse, n, n, { solver: 'greedy' });
    expect(new Set(pairing).size).toBe(n);
    expect(sum).toBeLessThan(Infinity);
    const crowded = matrix('uniform', n, n).map((c, e) => (e >= n && e % n > 0 ? Infinity : c));
    expect(() => solveAssignment(crowded, n, n, { solver: 'greedy' })).toThrow(/no finite assignment/);
  });
});

describe('tighten', () => {
  it('raises duals, never a bound down, until every column of a square problem is tight', () => {
    const n = 40;
    for (const columns of [n, n + 15]) {
      const cost = matrix('geometric', n, columns);
      const problem = problemOf(cost, n, columns);
      const v = columns === n ? centredOffsets(problem).v : new Float64Array(columns);
      const bound = (duals: Float64Array): number => {
        let sum = duals.reduce((total, dual) => total + dual, 0);
        for (let i = 0; i < n; i++) {
          sum += Math.min(...duals.map((dual, j) => cost[i * columns + j]! - dual));
        }
        return sum;
      };
      const [before, started] = [bound(v), v.slice()];
      tighten(problem, v);
      expect(bound(v)).toBeGreaterThanOrEqual(before - 1e-12);
      v.forEach((dual, j) => expect(dual).toBeGreaterThanOrEqual(started[j]!));
      if (columns > n) expect(Math.max(...v)).toBeLessThanOrEqual(0);
      else expect(bound(v)).toBeGreaterThan(before);
    }
  });
});
