import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { familyNames, matrix } from '../../test/matrices.ts';
import { AssignmentError, solveAssignment, type AssignmentSolution, type Costs } from '../index.ts';
import { type ExactSolverName, exactSolvers } from './auto.ts';

const names = Object.keys(exactSolvers) as ExactSolverName[];

/** The smallest total by trying every pairing; Infinity when none is allowed. */
function bruteForce(cost: Costs, rows: number, columns: number): number {
  let best = Infinity;
  const used = new Uint8Array(columns);
  const place = (i: number, sum: number): void => {
    if (i === rows) {
      best = Math.min(best, sum);
      return;
    }
    for (let j = 0; j < columns; j++) {
      if (used[j] === 1) continue;
      used[j] = 1;
      place(i + 1, sum + cost[i * columns + j]!);
      used[j] = 0;
    }
  };
  place(0, 0);
  return best;
}

/** Everything a certificate promises, from the matrix alone. */
function expectCertified(solution: AssignmentSolution, cost: Costs, rows: number, columns: number): void {
  const { pairing, u, v } = solution;
  expect(new Set(pairing).size).toBe(rows);
  expect(pairing.every((j) => j >= 0 && j < columns)).toBe(true);
  let scale = 1;
  for (const c of cost) if (c !== Infinity) scale = Math.max(scale, Math.abs(c));
  const slack = 1e-12 * scale;
  let sum = 0;
  let dual = 0;
  let violation = -Infinity;
  for (let i = 0; i < rows; i++) {
    sum += cost[i * columns + pairing[i]!]!;
    dual += u[i]!;
    for (let j = 0; j < columns; j++) {
      violation = Math.max(violation, u[i]! + v[j]! - cost[i * columns + j]!);
    }
  }
  expect(violation).toBeLessThanOrEqual(slack);
  for (let j = 0; j < columns; j++) {
    dual += v[j]!;
    if (rows < columns) expect(v[j]).toBeLessThanOrEqual(0);
  }
  expect(Math.abs(solution.cost - sum)).toBeLessThanOrEqual(rows * slack);
  expect(Math.abs(solution.dualBound - dual)).toBeLessThanOrEqual(rows * slack);
  expect(solution.gap).toBeGreaterThanOrEqual(0);
  expect(solution.gap).toBeLessThanOrEqual(rows * slack);
  expect(solution.exact).toBe(true);
}

/** Integers with many ties, small fractions, or one dear entry among cheap ones; sometimes a forbidden pair. */
const entry = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 4, arbitrary: fc.integer({ min: -1000, max: 1000 }).map((n) => n / 64) },
  { weight: 1, arbitrary: fc.constant(1e5) },
);
const problem = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 0, max: 2 }), fc.boolean())
  .filter(([rows, extra]) => rows + extra <= 7)
  .chain(([rows, extra, forbid]) =>
    fc.record({
      rows: fc.constant(rows),
      columns: fc.constant(rows + extra),
      cost: fc.array(forbid ? fc.oneof({ weight: 3, arbitrary: entry }, fc.constant(Infinity)) : entry, {
        minLength: rows * (rows + extra),
        maxLength: rows * (rows + extra),
      }),
    }),
  );

describe.each(names)('%s', (solver) => {
  it('finds what trying every pairing finds, on 3000 random problems', () => {
    fc.assert(
      fc.property(problem, ({ rows, columns, cost }) => {
        const costs = Float64Array.from(cost);
        const best = bruteForce(costs, rows, columns);
        if (best === Infinity) {
          expect(() => solveAssignment(costs, rows, columns, { solver })).toThrow(/no finite assignment/);
          return;
        }
        const solution = solveAssignment(costs, rows, columns, { solver });
        expect(solution.cost).toBe(best); // all entries are multiples of 1/64: sums are exact
        expect(solution.gap).toBe(0);
        expect(solution.exact).toBe(true);
        expect(solution.solver).toBe(solver);
      }),
      { numRuns: 3000, seed: 1 },
    );
  });

  it('certifies random matrices, no dearer than the identity, and leaves them as they were', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }).chain((rows) =>
          fc.tuple(fc.constant(rows), fc.integer({ min: rows, max: rows + 9 })).chain(([n, columns]) =>
            fc.tuple(
              fc.constant(n),
              fc.constant(columns),
              fc.float32Array({
                minLength: n * columns,
                maxLength: n * columns,
                noNaN: true,
                min: -1e6,
                max: 1e6,
              }),
            ),
          ),
        ),
        ([rows, columns, cost]) => {
          const before = cost.slice();
          const solution = solveAssignment(cost, rows, columns, { solver });
          expect(cost).toEqual(before);
          expectCertified(solution, cost, rows, columns);
          let identity = 0;
          for (let i = 0; i < rows; i++) identity += cost[i * columns + i]!;
          expect(solution.cost).toBeLessThanOrEqual(identity + 1e-9 * Math.abs(identity));
        },
      ),
      { numRuns: 150, seed: 2 },
    );
  });

  it.each(familyNames)('certifies %s at 1, 2, 3, 61, 97 and in rectangles', (family) => {
    for (const [rows, columns] of [
      [1, 1],
      [2, 2],
      [3, 3],
      [61, 61],
      [97, 97],
      [5, 70],
      [60, 61],
    ] as const) {
      const cost = matrix(family, rows, columns);
      expectCertified(solveAssignment(cost, rows, columns, { solver }), cost, rows, columns);
    }
  });

  it('takes forbidden pairs as they are given, at a size where most pairs are forbidden', () => {
    const n = 120;
    const cost = matrix('uniform', n, n).map((c, e) => ((e * 7) % 11 < 8 ? Infinity : c));
    expectCertified(solveAssignment(cost, n, n, { solver }), cost, n, n);
    const other = names.find((name) => name !== solver)!;
    expect(solveAssignment(cost, n, n, { solver }).cost).toBeCloseTo(
      solveAssignment(cost, n, n, { solver: other }).cost,
      12,
    );
  });

  it('says that there is no finite assignment', () => {
    const n = 60;
    const blockedRow = matrix('uniform', n, n).map((c, e) => (Math.floor(e / n) === 7 ? Infinity : c));
    expect(() => solveAssignment(blockedRow, n, n, { solver })).toThrow(/row 7 has no column/);
    const blockedColumn = matrix('uniform', n, n).map((c, e) => (e % n === 9 ? Infinity : c));
    expect(() => solveAssignment(blockedColumn, n, n, { solver })).toThrow(/column 9 is forbidden/);
    // Hall: 31 rows that share 30 columns.
    const crowded = matrix('uniform', n, n).map((c, e) =>
      Math.floor(e / n) < 31 && e % n >= 30 ? Infinity : c,
    );
    expect(() => solveAssignment(crowded, n, n, { solver })).toThrow(AssignmentError);
    expect(() => solveAssignment(crowded, n, n, { solver })).toThrow(/30 columns between them/);
  });

  it('survives prices that rounding holds in place', () => {
    // Differences below the resolution of the duals: reductions that trusted u2 > u1 would displace for ever.
    const n = 64;
    const cost = matrix('uniform', n, n).map((c, e) => 1e16 + Math.floor(c * 4) * 2 + (e % 3 === 0 ? 2 : 0));
    const solution = solveAssignment(cost, n, n, { solver });
    expect(new Set(solution.pairing).size).toBe(n);
    expect(solution.exact).toBe(true);
  });
});

/** Products of two lists of numbers: every row wants the same columns. */
function rankOne(n: number): Float32Array {
  const [a, b] = [matrix('uniform', 1, n), matrix('integers', 1, n)];
  return Float32Array.from({ length: n * n }, (_, e) => a[Math.floor(e / n)]! * b[e % n]!);
}

/** A row's size and a column's, and something random from a linear congruential generator. */
function sizes(n: number): Float32Array {
  const level = matrix('uniform', 1, 2 * n);
  const cost = new Float32Array(n * n);
  let state = 1;
  for (let i = 0, e = 0; i < n; i++) {
    for (let j = 0; j < n; j++, e++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      cost[e] = 50 + 2 * level[i]! + 2 * level[n + j]! + state / 2 ** 32;
    }
  }
  return cost;
}

describe('solveAssignment', () => {
  it('finds what trying every pairing finds, on 10,000 random problems, either side longer, either way', () => {
    fc.assert(
      fc.property(problem, fc.boolean(), fc.boolean(), ({ rows, columns, cost }, tall, maximise) => {
        const wide = Float64Array.from(cost);
        const best = bruteForce(wide, rows, columns);
        const costs = wide.map((_, e) =>
          tall ? wide[(e % rows) * columns + Math.floor(e / rows)]! : wide[e]!,
        );
        if (maximise) costs.forEach((c, e) => (costs[e] = -c));
        const solve = (): AssignmentSolution =>
          solveAssignment(costs, tall ? columns : rows, tall ? rows : columns, { maximise });
        if (best === Infinity) {
          expect(solve).toThrow(/no finite assignment/);
          return;
        }
        const solution = solve();
        expect(solution.cost).toBeCloseTo(maximise ? -best : best, 12);
        expect(solution.gap).toBe(0);
        expect(solution.exact).toBe(true);
        expect(solution.pairing).toHaveLength(tall ? columns : rows);
        expect(new Set(solution.pairing.filter((j) => j >= 0)).size).toBe(rows);
      }),
      { numRuns: 10_000, seed: 6 },
    );
  });

  it('leaves rows over where there are more than columns, as the transposed problem leaves columns', () => {
    const [rows, columns] = [75, 60];
    const cost = Float32Array.from(matrix('image-noise', rows, columns));
    const transposed = Float32Array.from(cost, (_, e) => cost[(e % rows) * columns + Math.floor(e / rows)]!);
    const tall = solveAssignment(cost, rows, columns);
    const wide = solveAssignment(transposed, columns, rows);
    expect([tall.cost, tall.dualBound, tall.u, tall.v]).toEqual([wide.cost, wide.dualBound, wide.v, wide.u]);
    wide.pairing.forEach((i, j) => expect(tall.pairing[i]).toBe(j));
    expect(tall.pairing.filter((j) => j < 0)).toHaveLength(rows - columns);
    tall.pairing.forEach((j, i) => {
      if (j < 0) expect(tall.u[i]).toBeLessThanOrEqual(0);
    });
  });

  it.each([
    ['float32 image–noise distances', 1024, (n: number) => Float32Array.from(matrix('image-noise', n, n))],
    [
      'distances in steps, tied everywhere',
      1024,
      (n: number) => Float32Array.from(matrix('image-noise', n, n), (c) => Math.round(c * 8) / 8),
    ],
    ['rank-one costs, a prime number of rows', 1511, (n: number) => rankOne(n)],
    ['many rows and columns with sizes of their own', 4096, (n: number) => sizes(n)],
  ] as const)('certifies %s (%i), checked apart in float64', (_, n, make) => {
    const cost = make(n);
    const solution = solveAssignment(cost, n);
    expect(solution.solver).toBe('sparse-core');
    const { u, v, pairing } = solution;
    let dual = 0;
    let primal = 0;
    let violation = 0;
    for (let i = 0; i < n; i++) {
      dual += u[i]! + v[i]!;
      primal += cost[i * n + pairing[i]!]!;
      for (let j = 0; j < n; j++) violation = Math.max(violation, u[i]! + v[j]! - cost[i * n + j]!);
    }
    expect(new Set(pairing).size).toBe(n);
    const scale = Math.abs(primal) / n;
    expect(violation).toBeLessThan(1e-13 * scale);
    expect(primal - dual).toBeLessThan(1e-12 * Math.abs(primal));
  });

  it('maximises as it minimises the negative', () => {
    const n = 33;
    const cost = Float32Array.from(matrix('uniform', n, n));
    const most = solveAssignment(cost, n, n, { maximise: true });
    const least = solveAssignment(
      cost.map((c) => -c),
      n,
    );
    expect(most.pairing).toEqual(least.pairing);
    expect(most.cost).toBe(-least.cost);
    expect(most.dualBound).toBeGreaterThanOrEqual(most.cost);
    expect(most.dualBound - most.cost).toBeCloseTo(most.gap, 12);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        expect(most.u[i]! + most.v[j]!).toBeGreaterThanOrEqual(cost[i * n + j]! - 1e-12);
      }
    }
  });

  it('chooses by size, and says so', () => {
    expect(solveAssignment(matrix('uniform', 20, 20), 20).solver).toBe('jonker-volgenant');
    expect(solveAssignment(matrix('uniform', 100, 100), 100).solver).toBe('sparse-core');
  });

  it.each([
    [
      'a plain array',
      () => solveAssignment([1, 2, 3, 4] as unknown as Float32Array, 2),
      'invalid-size',
      /Float32Array or Float64Array, got Array; copy/,
    ],
    ['no rows', () => solveAssignment(new Float32Array(0), 0), 'invalid-size', /rows must be .* got 0/],
    [
      'half a row',
      () => solveAssignment(new Float32Array(2), 1.5),
      'invalid-size',
      /rows must be a whole number from 1 on, got 1\.5/,
    ],
    [
      'too few costs',
      () => solveAssignment(new Float32Array(5), 2, 3),
      'invalid-size',
      /2 × 3 matrix has 6 costs, got 5/,
    ],
    [
      'a deadline before the beginning',
      () => solveAssignment(new Float32Array(4), 2, 2, { deadline: -1 }),
      'invalid-option',
      /deadline must be a number of milliseconds from 0 on, got -1/,
    ],
    [
      'NaN',
      () => solveAssignment(Float32Array.of(1, 2, NaN, 4), 2),
      'not-finite',
      /got NaN at row 1, column 0/,
    ],
    [
      'the wrong infinity',
      () => solveAssignment(Float32Array.of(1, -Infinity, 3, 4), 2),
      'not-finite',
      /or Infinity for a forbidden pair; got -Infinity at row 0, column 1/,
    ],
    [
      'the wrong infinity when maximising',
      () => solveAssignment(Float32Array.of(1, 2, 3, Infinity), 2, 2, { maximise: true }),
      'not-finite',
      /or -Infinity for a forbidden pair; got Infinity at row 1, column 1/,
    ],
    [
      'costs beyond float64',
      () => solveAssignment(Float64Array.of(1.7e308, 1.7e308, 1.7e308, 1.7e308), 2),
      'solver-failure',
      /scale the costs down/,
    ],
    [
      'an unknown solver',
      () => solveAssignment(new Float32Array(4), 2, 2, { solver: 'hungarian' as 'auto' }),
      'invalid-option',
      /one of 'auto', 'sparse-core', 'jonker-volgenant', 'auction', 'greedy', 'sinkhorn', got "hungarian"/,
    ],
  ])('refuses %s', (_, call, code, message) => {
    expect(call).toThrow(AssignmentError);
    expect(call).toThrow(message);
    expect(call).toThrow(expect.objectContaining({ code }));
  });
});
