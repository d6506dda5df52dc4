import { describe, expect, it } from 'vitest';
import reference from '../../golden/reference.json' with { type: 'json' };
import { familyNames, matrix } from '../../test/matrices.ts';
import { solveAssignment } from '../index.ts';
import { type ExactSolverName, exactSolvers } from './auto.ts';

/** Relative; see golden/README.md. */
const TOLERANCE = 1e-12;

function expectCost(actual: number, recorded: number): void {
  expect(Math.abs(actual - recorded)).toBeLessThanOrEqual(TOLERANCE * Math.max(1, Math.abs(recorded)));
}

describe.each(Object.keys(exactSolvers) as ExactSolverName[])('%s costs what SciPy costs', (solver) => {
  it.each(familyNames)('on %s, squares up to 512 and rectangles', (family) => {
    const recorded = reference.solutions.filter((solution) => solution.family === family);
    expect(recorded.length).toBeGreaterThanOrEqual(13); // ten squares or more, three rectangles
    for (const { rows, columns, probe, cost, costFloat32, costMaximised } of recorded) {
      const costs = matrix(family, rows, columns);
      const stride = Math.max(1, Math.floor(costs.length / 97));
      expect(costs.filter((_, e) => e % stride === 0).reduce((sum, c) => sum + c)).toBe(probe);

      const least = solveAssignment(costs, rows, columns, { solver });
      expectCost(least.cost, cost);
      expect(least.exact).toBe(true);
      const single = solveAssignment(Float32Array.from(costs), rows, columns, { solver });
      expectCost(single.cost, costFloat32);
      expect(single.exact).toBe(true);
      if (costMaximised === null) continue;
      const most = solveAssignment(costs, rows, columns, { solver, maximise: true });
      expectCost(most.cost, costMaximised);
      expect(most.exact).toBe(true);
    }
  });
});
