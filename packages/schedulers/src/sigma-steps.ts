/** Which noise levels the Euler and Heun samplers visit, and what the network is told at each: diffusers' `set_timesteps`. */
import { type ConfigOf } from './config.ts';
import { SchedulerArgumentError } from './errors.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { interpolate, respacedSigmas, sigmaTable, timestepsOf } from './sigma-space.ts';
import { checkTimesteps, type SolverSettings } from './solver-plan.ts';

/** S steps. */
export interface SigmaSteps {
  /** what the network is told, [S], fractional */
  readonly timesteps: Float32Array;
  /** σ_i, [S + 1]: step i goes from σ_i to σ_{i+1} */
  readonly sigmas: Float32Array;
  /** the largest σ, times √(1 + 1/σ²) for `leading`: the standard deviation of the noisy image that the run begins with */
  readonly scale: number;
}

/** Unlike `spacedTimesteps`, `linspace` is not rounded: these networks are told fractions. */
function places(schedule: NoiseSchedule, { steps: S, timesteps }: SolverSettings): Float32Array {
  const { config, trainTimesteps: T } = schedule;
  if (timesteps !== undefined) {
    checkTimesteps(config._class_name, timesteps, { steps: S, trainTimesteps: T });
    return Float32Array.from(timesteps);
  }
  const whole = schedule.timesteps(S);
  if (config.timestep_spacing !== 'linspace') return Float32Array.from(whole);
  const step = S > 1 ? (T - 1) / (S - 1) : 0;
  return Float32Array.from({ length: S }, (_, i) => (S - 1 - i) * step);
}

/**
 * The noise levels of a run.
 *
 * @throws SchedulerArgumentError if S is not from 1 to T, `timesteps` are not S falling timesteps, or come with a config that
 *   chooses σ by itself
 */
export function sigmaSteps(
  schedule: NoiseSchedule,
  config: ConfigOf<'EulerDiscreteScheduler'> | ConfigOf<'HeunDiscreteScheduler'>,
  settings: SolverSettings,
): SigmaSteps {
  const euler = config._class_name === 'EulerDiscreteScheduler' ? config : undefined;
  const S = settings.steps;
  const table = sigmaTable(schedule);
  let timesteps = places(schedule, settings);
  let levels: ArrayLike<number> = Float64Array.from(timesteps, (t) => interpolate(table, t));
  if (euler?.interpolation_type === 'log_linear') levels = logLinear(table, S);
  const respaced = respacedSigmas(config, S, {
    sigmaMin: levels[levels.length - 1]!,
    sigmaMax: levels[0]!,
  });
  if (respaced) {
    levels = respaced;
    timesteps = Float32Array.from(timestepsOf(respaced, table));
  }
  const continuous = euler?.timestep_type === 'continuous' && euler.prediction_type === 'v_prediction';
  if (settings.timesteps !== undefined && (respaced !== undefined || continuous)) {
    throw new SchedulerArgumentError(
      `${config._class_name}: wanted no timesteps where the config chooses σ by itself ` +
        '(use_karras_sigmas, use_exponential_sigmas, timestep_type "continuous")',
    );
  }
  const final = euler?.final_sigmas_type === 'sigma_min' ? table[0]! : 0;
  const sigmas = Float32Array.from([...Array.from(levels), final]);
  // EDM's c_noise
  if (continuous) timesteps = sigmas.slice(0, S).map((sigma) => 0.25 * Math.log(sigma));
  const largest = sigmas[0]!;
  return {
    timesteps,
    sigmas,
    scale: config.timestep_spacing === 'leading' ? Math.sqrt(largest * largest + 1) : largest,
  };
}

/** From the last σ of the table to the first, evenly in log σ: S + 1 of them, so that the last step ends at the first σ. */
function logLinear(table: Float32Array, S: number): Float32Array {
  const high = Math.log(table[table.length - 1]!);
  const low = Math.log(table[0]!);
  return Float32Array.from({ length: S + 1 }, (_, i) => Math.exp(high + (i * (low - high)) / S));
}
