import { describe, expect, it } from 'vitest';
import { familyNames, matrix } from '../../test/matrices.ts';
import { AssignmentError, type Costs, type SinkhornOptions, solveAssignment } from '../index.ts';
import { centredOffsets, centredSpread } from './centre.ts';

function solve(cost: Costs, n: number, sinkhorn: SinkhornOptions = {}) {
  const solution = solveAssignment(cost, n, n, { solver: 'sinkhorn', sinkhorn });
  return { solution, report: solution.sinkhorn! };
}

/** The textbook: K = exp(-cost / ε), rows and columns scaled in turn; the plan, rows summing to 1. */
function textbook(cost: Costs, n: number, epsilon: number, rounds: number): Float64Array {
  const plan = Float64Array.from(cost, (c) => Math.exp(-c / epsilon));
  for (let round = 0; round < rounds; round++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += plan[i * n + j]!;
      for (let i = 0; i < n; i++) plan[i * n + j] = plan[i * n + j]! / sum;
    }
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += plan[i * n + j]!;
      for (let j = 0; j < n; j++) plan[i * n + j] = plan[i * n + j]! / sum;
    }
  }
  return plan;
}

describe('sinkhorn', () => {
  it('has the entropy of the closed form on two by two', () => {
    // By symmetry P[i, i] = 1 / (1 + exp(-2 / share)): the centred costs are ± half a unit, and so is their spread.
    for (const epsilon of [0.5, 1, 3]) {
      const { report } = solve(Float64Array.of(0, 1, 1, 0), 2, { epsilon, tolerance: 1e-12 });
      const p = 1 / (1 + Math.exp(-2 / epsilon));
      expect(report.epsilon).toBeCloseTo(epsilon / 2, 12);
      expect(report.entropy).toBeCloseTo(-p * Math.log(p) - (1 - p) * Math.log(1 - p), 10);
      expect(report.marginalError).toBeLessThan(1e-12);
    }
  });

  it('converges to the plan of the textbook', () => {
    const n = 40;
    const cost = matrix('image-noise', n, n);
    const { report } = solve(cost, n, { epsilon: 0.5, tolerance: 1e-9, iterations: 2000 });
    const plan = textbook(cost, n, report.epsilon, 2000);
    const entropy = plan.reduce((sum, p) => sum - p * Math.log(p), 0) / n;
    expect(report.entropy).toBeCloseTo(entropy, 6);
    const spread = centredSpread(
      { cost, rows: n, columns: n, forbidden: false, outOfTime: () => false },
      centredOffsets({ cost, rows: n, columns: n, forbidden: false, outOfTime: () => false }),
    );
    expect(report.epsilon).toBeCloseTo(0.5 * spread, 12);
  });

  it('comes nearer, bound and pairing, as ε falls', () => {
    const n = 200;
    const cost = matrix('image-noise', n, n);
    const best = solveAssignment(cost, n).cost;
    const coarse = solve(cost, n, { epsilon: 0.5 });
    const fine = solve(cost, n, { epsilon: 0.02 });
    expect(fine.solution.cost).toBeLessThanOrEqual(coarse.solution.cost);
    expect(fine.solution.gap).toBeLessThan(coarse.solution.gap / 4);
    expect(fine.solution.dualBound).toBeLessThanOrEqual(best + 1e-9);
    expect(fine.report.entropy).toBeLessThan(coarse.report.entropy);
    expect(coarse.report.entropy).toBeLessThan(Math.log(n));
    expect(fine.report.iterations).toBeGreaterThan(coarse.report.iterations);
    expect(fine.report.millisecondsPerIteration).toBeGreaterThan(0);
    expect(fine.solution.exact).toBe(false);
    let identity = 0;
    for (let i = 0; i < n; i++) identity += cost[i * n + i]!;
    expect((identity - fine.solution.cost) / (identity - best)).toBeGreaterThan(0.97);
  });

  it.each(familyNames)('gives a pairing and a true bound on %s', (family) => {
    for (const n of [1, 2, 61]) {
      const cost = matrix(family, n, n);
      const best = solveAssignment(cost, n);
      const { solution, report } = solve(cost, n);
      const slack = 1e-9 * (1 + Math.abs(best.cost));
      expect(new Set(solution.pairing).size).toBe(n);
      expect(solution.cost).toBeGreaterThanOrEqual(best.cost - slack);
      expect(solution.dualBound).toBeLessThanOrEqual(best.cost + slack);
      expect(report.entropy).toBeGreaterThanOrEqual(-1e-12);
      expect(report.entropy).toBeLessThanOrEqual(Math.log(n) + 1e-12);
    }
  });

  it('corrects a column whose share of every row is too small to be summed', () => {
    // Nobody wants column 3 by thousands of ε, and somebody must have it.
    const n = 12;
    const cost = matrix('uniform', n, n).map((c, e) => (e % n === 3 ? 1e4 + c : c + (e % n === 5 ? -30 : 0)));
    const { solution } = solve(cost, n, { epsilon: 0.01, iterations: 500 });
    const best = solveAssignment(cost, n).cost;
    expect(solution.cost).toBeLessThan(best + 1);
  });

  it('takes forbidden pairs, and says when they leave no assignment', () => {
    const n = 60;
    const sparse = matrix('uniform', n, n).map((c, e) => ((e * 7) % 11 < 6 ? Infinity : c));
    const { solution } = solve(sparse, n);
    expect(solution.cost).toBeLessThan(Infinity);
    expect(solution.dualBound).toBeLessThanOrEqual(solveAssignment(sparse, n).cost + 1e-9);
    const crowded = sparse.map((c, e) => (e >= n && e % n > 0 ? Infinity : c));
    expect(() => solve(crowded, n)).toThrow(/no finite assignment/);
  });

  it('maximises', () => {
    const n = 50;
    const cost = matrix('uniform', n, n);
    const most = solveAssignment(cost, n, n, { maximise: true });
    const found = solveAssignment(cost, n, n, { maximise: true, solver: 'sinkhorn' });
    expect(found.cost).toBeLessThanOrEqual(most.cost + 1e-9);
    expect(found.dualBound).toBeGreaterThanOrEqual(most.cost - 1e-9);
    expect(found.cost / most.cost).toBeGreaterThan(0.97);
  });

  it.each([
    [
      'a rectangle',
      () => solveAssignment(new Float32Array(6), 2, 3, { solver: 'sinkhorn' }),
      'invalid-size',
      /as many rows as columns, got 2 and 3/,
    ],
    [
      'an ε of nothing',
      () => solve(new Float32Array(4), 2, { epsilon: 0 }),
      'invalid-option',
      /sinkhorn\.epsilon must be a positive number, got 0/,
    ],
    [
      'iterations that are no number',
      () => solve(new Float32Array(4), 2, { iterations: NaN }),
      'invalid-option',
      /sinkhorn\.iterations must be .* got NaN/,
    ],
  ])('refuses %s', (_, call, code, message) => {
    expect(call).toThrow(AssignmentError);
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ code }));
  });
});
