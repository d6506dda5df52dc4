import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adamScalars } from './adam.ts';
import { type RAdamOptions, radamScalars } from './radam.ts';

function options(beta2: number): RAdamOptions {
  return { type: 'radam', betas: [0.9, beta2], eps: 1e-8, weightDecay: 0 };
}

describe('radamScalars', () => {
  it('takes plain momentum steps through step 5 and adaptive ones from step 6 on', () => {
    const scalars = Array.from({ length: 12 }, (_, i) => radamScalars(options(0.999), 1, i + 1));
    expect(scalars.map(({ stepSize }) => stepSize > 0)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1 > 5),
    );
    expect(scalars.every(({ stepSize, momentumSize }) => (stepSize === 0) !== (momentumSize === 0))).toBe(
      true,
    );
    expect(scalars[2]!.momentumSize).toBeCloseTo(1 / (1 - 0.9 ** 3), 14);
  });

  it('nears Adam from below as the second moments fill', () => {
    const steps = fc.integer({ min: 6, max: 500 });
    fc.assert(
      fc.property(steps, fc.double({ min: 0.99, max: 0.9999, noNaN: true }), (step, beta2) => {
        const { stepSize } = radamScalars(options(beta2), 1, step);
        const adam = adamScalars({ type: 'adam', betas: [0.9, beta2], eps: 1e-8, weightDecay: 0 }, 1, step);
        expect(stepSize).toBeLessThan(adam.stepSize / adam.inverseRootCorrection);
      }),
    );
    expect(radamScalars(options(0.999), 2e-4, 1_000_000)).toEqual({
      learningRate: 2e-4,
      stepSize: 2e-4,
      momentumSize: 0,
    });
  });

  it('never adapts where the second moments forget at once', () => {
    for (const step of [1, 10, 1000]) expect(radamScalars(options(0.5), 1, step).stepSize).toBe(0);
  });
});
