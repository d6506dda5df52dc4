import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { goldenJson } from '../../test/tiny.ts';
import { learningRateFactor, type LearningRateSchedule } from './learning-rate.ts';

interface Recorded {
  readonly schedules: readonly {
    readonly name: string;
    readonly options: { readonly numWarmupSteps: number; readonly numTrainingSteps?: number };
    readonly factors: readonly number[];
  }[];
}

const { schedules } = goldenJson<Recorded>('optim.json');

describe('learningRateFactor', () => {
  it.each(schedules)('$name as diffusers gives it', ({ name, options, factors }) => {
    const type = name.startsWith('cosine') ? 'cosine' : 'constant';
    const schedule: LearningRateSchedule = { type, warmupSteps: options.numWarmupSteps };
    for (const [step, factor] of factors.entries()) {
      const ours = learningRateFactor(schedule, step, options.numTrainingSteps ?? 1000);
      expect(Math.abs(ours - factor), `step ${step}`).toBeLessThanOrEqual(1e-12);
    }
  });

  it('rises through the warm-up, stands at 1 after it, and only falls from there', () => {
    const lengths = fc.record({ warmupSteps: fc.nat(50), more: fc.integer({ min: 1, max: 200 }) });
    fc.assert(
      fc.property(lengths, fc.constantFrom('constant', 'cosine'), ({ warmupSteps, more }, type) => {
        const total = warmupSteps + more;
        const factors = Array.from({ length: total + 1 }, (_, step) =>
          learningRateFactor({ type, warmupSteps }, step, total),
        );
        expect(factors[warmupSteps]).toBe(1);
        for (let step = 1; step <= total; step++) {
          const change = factors[step]! - factors[step - 1]!;
          if (step <= warmupSteps) expect(change).toBeGreaterThan(0);
          else if (type === 'constant') expect(change).toBe(0);
          else expect(change).toBeLessThan(0);
        }
        expect(factors.every((factor) => factor >= 0 && factor <= 1)).toBe(true);
      }),
    );
  });
});
