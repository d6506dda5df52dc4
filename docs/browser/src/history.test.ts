import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { History } from './history.ts';

describe('History', () => {
  it('keeps few points, their order, and the mean of all losses', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5000 }), (steps) => {
        const history = new History();
        let sum = 0;
        for (let step = 1; step <= steps; step++) {
          history.add([{ step, vanilla: step, immiscible: 1 / step }]);
          sum += step;
        }
        const own = history.points().filter(({ arm }) => arm === 'vanilla');
        expect(own.length).toBeLessThanOrEqual(400);
        expect(own.at(-1)?.step).toBe(steps);
        expect(own.every(({ step }, i) => i === 0 || step > own[i - 1]!.step)).toBe(true);
        expect(history.recent('vanilla', steps)).toBeCloseTo(sum / steps, 6);
      }),
      { numRuns: 30 },
    );
  });

  it('has nothing to say before the first step', () => {
    const history = new History();
    expect(history.points()).toEqual([]);
    expect(history.recent('immiscible', 10)).toBeUndefined();
  });
});
