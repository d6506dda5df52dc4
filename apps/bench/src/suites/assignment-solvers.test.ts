import { describe, expect, it } from 'vitest';
import { PythonSolvers } from './assignment-python.ts';
import { munkresSolver, ourSolvers, type Solver, solveMatrix } from './assignment-solvers.ts';

const size = 40;
const cost = Float32Array.from({ length: size * size }, (_, e) => ((e * 7919) % 1009) / 1009);
const once = { repeats: 1, limit: 30, before: undefined, signal: undefined };

/** One of ours, its answers changed. */
function changed(name: string, precision: Solver['precision'], change: (cost: number) => number): Solver {
  const munkres = munkresSolver();
  return {
    name,
    version: '',
    precision,
    ours: false,
    async solve(...args) {
      const turn = await munkres.solve(...args);
      return { ...turn, cost: change(turn.cost) };
    },
  };
}

describe('solvers in turns', () => {
  it('agree on the optimum, and prove it', async () => {
    const solved = await solveMatrix(cost, size, [...ourSolvers(), munkresSolver()], once);
    expect(Object.keys(solved.solvers)).toEqual(['ours', 'dense JV', 'munkres']);
    expect([solved.exact, solved.disagreements]).toEqual([true, []]);
    expect(new Set(solved.pairing).size).toBe(size);
    const total = solved.pairing.reduce((sum, j, i) => sum + cost[i * size + j]!, 0);
    for (const { cost: reported, milliseconds } of Object.values(solved.solvers)) {
      expect(Math.abs(reported / total - 1)).toBeLessThan(1e-12);
      expect(milliseconds).toBeGreaterThan(0);
    }
  });

  it('are told apart from one that is cheaper, dearer or no pairing', async () => {
    const solved = await solveMatrix(
      cost,
      size,
      [
        ...ourSolvers(),
        changed('cheaper', 'float32', (c) => c * (1 - 1e-9)),
        changed('dearer', 'float64', (c) => c * (1 + 1e-9)),
        changed('rounded', 'float32', (c) => c * (1 + 1e-9)),
        changed('broken', 'float32', () => NaN),
      ],
      once,
    );
    expect(solved.disagreements).toEqual([
      expect.stringMatching(/^cheaper: cost .* relative difference -1\.0e-9$/),
      expect.stringMatching(/^dearer: cost .* relative difference 1\.0e-9$/),
      'broken: its answer is no pairing',
    ]);
  });

  it('are left out where they would take too long, but for ours', async () => {
    const took = (milliseconds: number): object => ({ milliseconds, slow: false, cost: 1 });
    const before = { size: 20, solvers: { ours: took(9000), munkres: took(126) } } as never;
    const solvers = [...ourSolvers(), munkresSolver()];
    const names = async (limit: number): Promise<string[]> =>
      Object.keys((await solveMatrix(cost, size, solvers, { ...once, limit, before })).solvers);
    expect(await names(1)).toEqual(['ours', 'dense JV']); // 8 · 126 ms > 1 s
    expect(await names(2)).toEqual(['ours', 'dense JV', 'munkres']);
  });

  it('stop when they are told to', async () => {
    const signal = AbortSignal.abort();
    await expect(solveMatrix(cost, size, ourSolvers(), { ...once, signal })).rejects.toThrow(/aborted/);
  });
});

describe('Python', () => {
  it('that cannot be started is named', async () => {
    expect(await PythonSolvers.start('no-such-python')).toMatch(
      /^no-such-python: spawn no-such-python ENOENT/,
    );
  });

  it('solves as we do (skipped where PYTHON or python3 has no solver)', async ({ skip }) => {
    const python = await PythonSolvers.start(process.env['PYTHON'] ?? 'python3');
    if (typeof python === 'string') return skip(python);
    try {
      const solved = await solveMatrix(cost, size, [...ourSolvers(), ...python.solvers], once);
      expect(solved.disagreements).toEqual([]);
      expect(Object.keys(solved.solvers).length).toBe(2 + python.solvers.length);
      const other = cost.map((value) => 1 - value);
      expect(
        (await solveMatrix(other, size, [...ourSolvers(), ...python.solvers], once)).disagreements,
      ).toEqual([]);
    } finally {
      python.close();
    }
  });

  it('ends at once when it is told to (skipped as above)', async ({ skip }) => {
    const controller = new AbortController();
    const python = await PythonSolvers.start(process.env['PYTHON'] ?? 'python3', controller.signal);
    if (typeof python === 'string') return skip(python);
    const [first] = python.solvers;
    await first!.solve(cost, size, 1);
    const long = first!.solve(cost, size, 1_000_000_000);
    controller.abort();
    await expect(long).rejects.toThrow(/Python ended while it solved 40 rows/);
  });
});
