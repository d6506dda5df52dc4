/**
 * Heun's second-order method on the probability flow ODE: Karras et al., "Elucidating the Design Space" (EDM, 2022), Algorithm 1,
 * on the noise levels of a β schedule (diffusers' HeunDiscreteScheduler).
 *
 * Paper → here: t_i → σ_i; D(x; σ) → x̂_0; d_i = (x_i − D(x_i; σ_i))/σ_i, and d'_i the same at Euler's x_{i+1}:
 * x_{i+1} = x_i + (σ_{i+1} − σ_i)·(d_i + d'_i)/2. The last step ends at σ = 0, where there is no d', and stays Euler's.
 */
import { SchedulerConfigError } from './errors.ts';
import { eulerShares } from './euler.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { predictedX0At } from './sigma-space.ts';
import { sigmaSteps } from './sigma-steps.ts';
import { type Share, type SolverCall, type SolverPlan, type SolverSettings } from './solver-plan.ts';

/** Algorithm 1, line 8: from the x of call n, along the mean of d of call n, at σ, and d' of call n + 1, at σ'. */
function heunShares(n: number, sigma: number, next: number): Share[] {
  const half = (next - sigma) / 2;
  return [
    { call: n, sample: 1 + half / sigma, x0: -half / sigma },
    { call: n + 1, sample: half / next, x0: -half / next },
  ];
}

/**
 * All calls of a Heun run: 2S − 1.
 *
 * @throws SchedulerArgumentError on settings out of range; see `sigmaSteps`
 */
export function heunPlan(schedule: NoiseSchedule, settings: SolverSettings): SolverPlan {
  const { config } = schedule;
  if (config._class_name !== 'HeunDiscreteScheduler') {
    throw new SchedulerConfigError(
      `heunPlan: wanted a HeunDiscreteScheduler config, got ${config._class_name}`,
    );
  }
  const { timesteps, sigmas, scale } = sigmaSteps(schedule, config, settings);
  const calls: SolverCall[] = [];
  const callAt = (i: number, next: Share[]): void => {
    const sigma = sigmas[i]!;
    calls.push({
      timestep: timesteps[i]!,
      input: 1 / Math.sqrt(sigma * sigma + 1),
      churn: 0,
      x0: predictedX0At(config.prediction_type, sigma),
      clip: schedule.clip,
      next,
      noise: 0,
    });
  };
  for (let i = 0; i < timesteps.length; i++) {
    const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
    const n = calls.length;
    callAt(i, eulerShares(n, sigma, next));
    if (next > 0) callAt(i + 1, heunShares(n, sigma, next));
  }
  return { scale, calls };
}
