import { describe, expect, it } from 'vitest';
import { golden } from '../test/golden.ts';
import { spacedTimesteps } from './timesteps.ts';

describe('spacedTimesteps', () => {
  it.each(golden.timesteps)('equals diffusers for every number of steps: $spacing of $T', (record) => {
    const found = record.sums.map((_, i) =>
      spacedTimesteps({ trainTimesteps: record.T, steps: i + 1, spacing: record.spacing, offset: 0 }),
    );
    expect(found.map((list) => list.reduce((sum, t, k) => sum + (k + 1) * t, 0))).toEqual(record.sums);
    const proper = (list: Int32Array, i: number): boolean =>
      list.length === i + 1 && list.every((t, k) => t >= 0 && t < (list[k - 1] ?? record.T));
    expect(found.every(proper)).toBe(true);
  });

  it('leaves out the timestep −1 that diffusers appends to some trailing lists', () => {
    const trailing = golden.timesteps.find(({ T, spacing }) => T === 1000 && spacing === 'trailing');
    expect(trailing?.with_extra_minus_one).toContain(61);
    const found = spacedTimesteps({ trainTimesteps: 1000, steps: 61, spacing: 'trailing', offset: 0 });
    expect([found.length, found[0], found.at(-1)]).toEqual([61, 999, 15]);
  });

  it('starts 20 uniform steps at 950, and counts an offset for leading only', () => {
    const at = (spacing: 'leading' | 'trailing', offset: number): Int32Array =>
      spacedTimesteps({ trainTimesteps: 1000, steps: 20, spacing, offset });
    expect([...at('leading', 0)].slice(0, 2)).toEqual([950, 900]);
    expect(at('leading', 1).at(-1)).toBe(1);
    expect(at('trailing', 1)).toEqual(at('trailing', 0));
  });

  it.each([0, -1, 1001, 2.5, NaN])('refuses %s steps', (steps) => {
    expect(() => spacedTimesteps({ trainTimesteps: 1000, steps, spacing: 'linspace', offset: 0 })).toThrow(
      /from 1 to 1000 \(num_train_timesteps\), got/,
    );
  });

  it('refuses an offset that leads beyond the last timestep', () => {
    expect(() =>
      spacedTimesteps({ trainTimesteps: 1000, steps: 1000, spacing: 'leading', offset: 1 }),
    ).toThrow(/steps_offset 1 .* beyond 999/);
  });
});
