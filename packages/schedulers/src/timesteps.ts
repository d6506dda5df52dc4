/**
 * Which of the T training timesteps a sampler of S steps visits: Table 2 of Lin et al., "Common Diffusion Noise Schedules
 * and Sample Steps are Flawed" (2023), with the rounding of diffusers (NumPy's: halves to even).
 */
import { type TimestepSpacing } from './config.ts';
import { SchedulerArgumentError } from './errors.ts';

/** NumPy's `round`: to the nearest whole number, halves to the even one. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** What to space: T = `trainTimesteps`, S = `steps`, and the config's two fields. */
export interface TimestepPlan {
  readonly trainTimesteps: number;
  readonly steps: number;
  readonly spacing: TimestepSpacing;
  /** `steps_offset`; counts for `leading` only */
  readonly offset: number;
}

/**
 * The timesteps of a sampler, [S], falling, each from 0 to T − 1.
 *
 * - `leading`: i·⌊T/S⌋ + offset. With offset 0 it ends at 0 and does not begin at T − 1.
 * - `trailing`: round(T − i·T/S) − 1. It begins at T − 1.
 * - `linspace`: S points from 0 to T − 1, both included.
 *
 * Equal to diffusers' `set_timesteps` but for one of its rounding errors: for some S (61 of 1000, for one) its `trailing`
 * list carries an extra last timestep −1, which is no timestep of any model; here it is left out.
 *
 * @throws SchedulerArgumentError if S is not a whole number from 1 to T, or the offset leads beyond T − 1
 */
export function spacedTimesteps(plan: TimestepPlan): Int32Array {
  const { trainTimesteps: T, steps: S, spacing, offset } = plan;
  if (!Number.isInteger(S) || S < 1 || S > T) {
    throw new SchedulerArgumentError(
      `timesteps: wanted a whole number of sampling steps from 1 to ${T} (num_train_timesteps), got ${S}`,
    );
  }
  switch (spacing) {
    case 'leading': {
      const ratio = Math.floor(T / S);
      const first = (S - 1) * ratio + offset;
      if (first >= T) {
        throw new SchedulerArgumentError(
          `timesteps: steps_offset ${offset} puts the first of ${S} leading timesteps at ${first}, beyond ${T - 1}; ` +
            'take fewer steps or a smaller steps_offset',
        );
      }
      return Int32Array.from({ length: S }, (_, i) => first - i * ratio);
    }
    case 'trailing': {
      // NumPy's arange takes its stride from its first two elements, rounding and all; some halves fall by it.
      const stride = T - T / S - T;
      return Int32Array.from({ length: S }, (_, i) => roundHalfEven(T + i * stride) - 1);
    }
    case 'linspace': {
      const step = S > 1 ? (T - 1) / (S - 1) : 0;
      return Int32Array.from({ length: S }, (_, i) => roundHalfEven((S - 1 - i) * step));
    }
  }
}
