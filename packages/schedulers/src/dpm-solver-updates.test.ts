import { describe, expect, it } from 'vitest';
import { type DpmAlgorithm, dpmSolverUpdate, signalNoise } from './dpm-solver-updates.ts';
import { SchedulerArgumentError } from './errors.ts';

const algorithms: readonly DpmAlgorithm[] = ['dpmsolver++', 'sde-dpmsolver++', 'dpmsolver', 'sde-dpmsolver'];

describe('dpmSolverUpdate', () => {
  it.each(algorithms)('goes nowhere between levels that float32 cannot tell apart: %s', (algorithm) => {
    for (const solver of ['midpoint', 'heun'] as const) {
      for (const order of [1, 2]) {
        const found = dpmSolverUpdate(algorithm, solver, order, [0.5, 0.5 + 1e-10, 3]);
        expect(found).toEqual({ sample: 1, outputs: [0], noise: 0 });
      }
    }
  });

  // x_s = α·x_0 + σ·ε goes to α'·x_0 + σ'·ε', where the SDE puts a part of σ'² into new noise. sde-dpmsolver, whose step in ε̂
  // is Euler's, does so to first order only.
  it.each(algorithms.slice(0, 3))('takes x_0 and ε along: %s', (algorithm) => {
    const [from, to] = [0.8, 0.3];
    const [s, t] = [signalNoise(from), signalNoise(to)];
    const { sample, outputs, noise } = dpmSolverUpdate(algorithm, 'midpoint', 1, [to, from]);
    const m = outputs[0] ?? NaN;
    const predictsX0 = algorithm.endsWith('++');
    expect(sample * s.alpha + (predictsX0 ? m : 0)).toBeCloseTo(t.alpha, 6);
    expect(Math.hypot(sample * s.sigma + (predictsX0 ? 0 : m), noise)).toBeCloseTo(t.sigma, 6);
  });

  it('has no third order of sde-dpmsolver', () => {
    const attempt = (): unknown => dpmSolverUpdate('sde-dpmsolver', 'midpoint', 3, [0.1, 0.2, 0.3, 0.4]);
    expect(attempt).toThrow(SchedulerArgumentError);
    expect(attempt).toThrow(/wanted order 1 or 2 with sde-dpmsolver, got 3/);
  });
});
