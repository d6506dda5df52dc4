import { describe, expect, it } from 'vitest';
import { familyNames, matrix } from '../../test/matrices.ts';
import { solveAssignment } from '../index.ts';
import { certify } from './certificate.ts';
import { complete } from './complete.ts';
import { emptyMatching, type Matching, type Problem } from './problem.ts';
import { jonkerVolgenant } from './jonker-volgenant.ts';
import { sparseCore } from './sparse-core.ts';

const n = 80;
const isPermutation = (x: Int32Array, columns: number): boolean =>
  new Set(x).size === x.length && x.every((j) => j >= 0 && j < columns);

describe('a deadline', () => {
  it.each(familyNames)('that is over at once leaves a whole pairing with a true bound (%s)', (family) => {
    for (const [rows, columns] of [
      [n, n],
      [n - 9, n],
      [n, n - 9],
    ] as const) {
      const cost = matrix(family, rows, columns);
      const best = solveAssignment(cost, rows, columns);
      const hurried = solveAssignment(cost, rows, columns, { deadline: 0 });
      const paired = hurried.pairing.filter((j) => j >= 0);
      expect(paired).toHaveLength(Math.min(rows, columns));
      expect(isPermutation(paired, columns)).toBe(true);
      const slack = 1e-12 * Math.max(1, Math.abs(best.cost));
      expect(hurried.cost).toBeGreaterThanOrEqual(best.cost - slack);
      expect(hurried.dualBound).toBeLessThanOrEqual(best.cost + slack);
      expect(hurried.gap).toBeCloseTo(hurried.cost - hurried.dualBound, 6);
      if (hurried.cost > best.cost + slack) expect(hurried.exact).toBe(false);
    }
  });

  it('keeps most of the gain on image–noise distances', () => {
    const cost = matrix('image-noise', 200, 200);
    let identity = 0;
    for (let i = 0; i < 200; i++) identity += cost[i * 201]!;
    const best = solveAssignment(cost, 200).cost;
    const hurried = solveAssignment(cost, 200, 200, { deadline: 0 });
    expect(hurried.exact).toBe(false);
    expect((identity - hurried.cost) / (identity - best)).toBeGreaterThan(0.8);
  });

  it('far away changes nothing', () => {
    const cost = matrix('geometric', n, n);
    const patient = solveAssignment(cost, n, n, { deadline: 1e9 });
    expect({ ...patient, milliseconds: 0 }).toEqual({ ...solveAssignment(cost, n), milliseconds: 0 });
  });

  it('maximises with a bound from above', () => {
    const cost = matrix('uniform', n, n);
    const best = solveAssignment(cost, n, n, { maximise: true }).cost;
    const hurried = solveAssignment(cost, n, n, { maximise: true, deadline: 0 });
    expect(hurried.cost).toBeLessThanOrEqual(best);
    expect(hurried.dualBound).toBeGreaterThanOrEqual(best - 1e-12 * best);
  });

  it.each([
    ['sparse-core', sparseCore],
    ['jonker-volgenant', jonkerVolgenant],
  ] as const)('at any moment leaves %s with feasible duals and a bound that only rises', (_, solver) => {
    const size = 300;
    const cost = Float32Array.from(matrix('rank-one', size, size));
    const best = solveAssignment(cost, size).cost;
    let unfinished = 0;
    let bound = -Infinity;
    for (const looks of [0, 1, 2, 4, 8, 16, 40, 100, 1e9]) {
      let left = looks;
      const problem: Problem = {
        cost,
        rows: size,
        columns: size,
        forbidden: false,
        outOfTime: () => left-- <= 0,
      };
      const matching = solver(problem, {});
      complete(problem, matching);
      const certificate = certify(problem, matching);
      unfinished += Number(!certificate.exact);
      expect(isPermutation(matching.x, size)).toBe(true);
      expect(certificate.dualBound).toBeGreaterThanOrEqual(bound - 1e-9);
      expect(certificate.dualBound).toBeLessThanOrEqual(best + 1e-9);
      expect(certificate.cost).toBeGreaterThanOrEqual(best - 1e-9);
      bound = certificate.dualBound;
      if (looks === 1e9) expect(certificate.exact).toBe(true);
    }
    expect(unfinished).toBeGreaterThanOrEqual(4); // the clock did run out on the way
  });
});

describe('rows that are left over', () => {
  const problemOf = (cost: Float64Array, size: number): Problem => ({
    cost,
    rows: size,
    columns: size,
    forbidden: true,
    outOfTime: () => true,
  });

  it('move others up where forbidden pairs leave them no free column', () => {
    // Each row may have its own column or the next one's; pairs that look cheap block the chain's last row.
    const cost = new Float64Array(36).fill(Infinity);
    for (let i = 0; i < 6; i++) {
      cost[i * 6 + i] = 5;
      if (i < 5) cost[i * 6 + i + 1] = 1;
    }
    const matching = emptyMatching(6, 6);
    complete(problemOf(cost, 6), matching);
    expect([...matching.x]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...matching.y]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('keep pairs that are there', () => {
    const matching: Matching = {
      ...emptyMatching(3, 3),
      x: Int32Array.of(2, -1, -1),
      y: Int32Array.of(-1, -1, 0),
    };
    complete(problemOf(Float64Array.of(9, 9, 9, 2, 1, 0, 1, 9, 0), 3), matching);
    expect([...matching.x]).toEqual([2, 1, 0]);
  });

  it('are an error where every pairing is forbidden', () => {
    const cost = new Float64Array(9).fill(1);
    for (const i of [0, 1]) cost.fill(Infinity, i * 3 + 1, i * 3 + 3);
    expect(() => solveAssignment(cost, 3, 3, { deadline: 0 })).toThrow(/no finite assignment/);
  });
});
