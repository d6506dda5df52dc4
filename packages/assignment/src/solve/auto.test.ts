import { describe, expect, it } from 'vitest';
import { matrix } from '../../test/matrices.ts';
import { type AssignmentSolution, type Costs, solveAssignment, solverNames } from '../index.ts';
import { exactSolvers } from './auto.ts';

/** A pairing of the smaller side, its cost, and a bound on the right side of the best. */
function expectTrue(found: AssignmentSolution, cost: Costs, columns: number, best: AssignmentSolution): void {
  const slack = 1e-9 * (1 + Math.abs(best.cost));
  let sum = 0;
  const used = new Set<number>();
  found.pairing.forEach((j, i) => {
    if (j < 0) return;
    sum += cost[i * columns + j]!;
    used.add(j);
  });
  expect(used.size).toBe(Math.min(columns, found.pairing.length));
  expect(found.cost).toBeCloseTo(sum, 9);
  expect(found.cost).toBeGreaterThanOrEqual(best.cost - slack);
  expect(found.dualBound).toBeLessThanOrEqual(best.cost + slack);
  expect(found.exact).toBe(found.gap <= slack);
}

describe.each(solverNames)('%s', (solver) => {
  const exact = Object.hasOwn(exactSolvers, solver);

  it('hands back a pairing with a true bound when there is no time at all', () => {
    const n = 150;
    for (const family of ['image-noise', 'ties'] as const) {
      const cost = matrix(family, n, n);
      const hurried = solveAssignment(cost, n, n, { solver, deadline: 0 });
      expectTrue(hurried, cost, n, solveAssignment(cost, n));
      expect(hurried.solver).toBe(solver);
    }
  });

  const rectangles = solver === 'sinkhorn' ? [] : ['pairs more rows than columns, and fewer'];
  it.each(rectangles)('%s', () => {
    for (const [rows, columns] of [
      [70, 40],
      [40, 70],
      [9, 1],
    ] as const) {
      const cost = matrix('geometric', rows, columns);
      const found = solveAssignment(cost, rows, columns, { solver });
      expectTrue(found, cost, columns, solveAssignment(cost, rows, columns));
      if (exact) expect(found.exact).toBe(true);
    }
  });

  it('maximises as it minimises the negative, and is deterministic', () => {
    const n = 60;
    const cost = matrix('uniform', n, n);
    const most = solveAssignment(cost, n, n, { solver, maximise: true });
    const least = solveAssignment(
      cost.map((c) => -c),
      n,
      n,
      { solver },
    );
    expect(most.pairing).toEqual(least.pairing);
    expect(most.dualBound).toBe(-least.dualBound);
    expect(solveAssignment(cost, n, n, { solver, maximise: true }).pairing).toEqual(most.pairing);
  });
});

describe('auto', () => {
  it('takes dense rows for small matrices and for ties, lists for distances of any precision', () => {
    const chosen = (family: Parameters<typeof matrix>[0], n: number): string =>
      solveAssignment(matrix(family, n, n), n, n).solver;
    expect(chosen('image-noise', 60)).toBe('jonker-volgenant');
    expect(chosen('image-noise', 128)).toBe('sparse-core');
    expect(chosen('uniform', 300)).toBe('sparse-core');
    expect(chosen('ties', 128)).toBe('jonker-volgenant');
    expect(chosen('ties', 300)).toBe('jonker-volgenant');
  });
});
