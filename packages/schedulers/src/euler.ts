/**
 * Euler's method on the probability flow ODE: Karras et al., "Elucidating the Design Space" (EDM, 2022), Algorithm 2 without
 * churn and without its second order, on the noise levels of a β schedule (diffusers' EulerDiscreteScheduler).
 *
 * Paper → here: t_i → σ_i; D(x; σ) → x̂_0; d_i = (x_i − D)/σ_i; x_{i+1} = x_i + (σ_{i+1} − σ_i)·d_i, multiplied out.
 */
import { SchedulerConfigError } from './errors.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { predictedX0At } from './sigma-space.ts';
import { sigmaSteps } from './sigma-steps.ts';
import { type Share, type SolverCall, type SolverPlan, type SolverSettings } from './solver-plan.ts';

/** Euler's step from σ to σ', with d = (x − x̂_0)/σ of call n multiplied out. */
export function eulerShares(n: number, sigma: number, next: number): Share[] {
  const kept = next / sigma;
  return [{ call: n, sample: kept, x0: 1 - kept }];
}

/**
 * All calls of an Euler run, one a step.
 *
 * @throws SchedulerArgumentError on settings out of range; see `sigmaSteps`
 */
export function eulerPlan(schedule: NoiseSchedule, settings: SolverSettings): SolverPlan {
  const { config } = schedule;
  if (config._class_name !== 'EulerDiscreteScheduler') {
    throw new SchedulerConfigError(
      `eulerPlan: wanted an EulerDiscreteScheduler config, got ${config._class_name}`,
    );
  }
  const { timesteps, sigmas, scale } = sigmaSteps(schedule, config, settings);
  const calls = Array.from(timesteps, (timestep, i): SolverCall => {
    const sigma = sigmas[i]!;
    return {
      timestep,
      input: 1 / Math.sqrt(sigma * sigma + 1),
      churn: 0,
      x0: predictedX0At(config.prediction_type, sigma),
      clip: null,
      next: eulerShares(i, sigma, sigmas[i + 1]!),
      noise: 0,
    };
  });
  return { scale, calls };
}
