/**
 * Multistep consistency sampling: Song et al., "Consistency Models" (2023), Algorithm 1, with the preconditioning of appendix C
 * (diffusers' CMStochasticIterativeScheduler). One step is f(σ_max·z, σ_max).
 *
 * Paper → here: τ_n → σ_n; ε → σ_min; f(x, σ) = c_skip(σ)·x + c_out(σ)·F(c_in(σ)·x, c_noise(σ)) → x̂_0;
 * x̂_{τ_n} = x̂_0 + √(τ_n² − ε²)·z. σ_n lie on the training grid of N = `num_train_timesteps` levels.
 */
import { type ConfigOf } from './config.ts';
import { karrasSigma } from './karras-sigmas.ts';
import {
  checkSteps,
  checkTimesteps,
  type SolverCall,
  type SolverPlan,
  type SolverSettings,
} from './solver-plan.ts';
import { spacedTimesteps } from './timesteps.ts';

type ConsistencyConfig = ConfigOf<'CMStochasticIterativeScheduler'>;

/** Which of the N levels are visited: indices into the grid, rising, 0 at σ_max. */
function gridIndices(config: ConsistencyConfig, { steps, timesteps }: SolverSettings): number[] {
  const N = config.num_train_timesteps;
  if (timesteps !== undefined) {
    checkTimesteps(config._class_name, timesteps, { steps, trainTimesteps: N });
    return timesteps.toReversed();
  }
  checkSteps(config._class_name, steps, N);
  return [...spacedTimesteps({ trainTimesteps: N, steps, spacing: 'leading', offset: 0 })].reverse();
}

/**
 * All calls of a consistency run, one a step. As in diffusers, `timesteps` (falling from below N) count from the clean end and
 * are taken as the levels' indices from the noisy end: [17, 0] visits levels 0 and 17.
 *
 * @throws SchedulerArgumentError if S is not from 1 to N, or timesteps are not S falling ones
 */
export function consistencyPlan(config: ConsistencyConfig, settings: SolverSettings): SolverPlan {
  const { num_train_timesteps: N, sigma_min, sigma_max, sigma_data, rho, s_noise } = config;
  const indices = gridIndices(config, settings);
  const levels = indices.map((index) =>
    karrasSigma(index / (N - 1), { sigmaMin: sigma_min, sigmaMax: sigma_max, rho }),
  );
  const calls = levels.map((level, i): SolverCall => {
    const sigma = Math.fround(level);
    const next = levels[i + 1] ?? sigma_min;
    const dataSpread = Math.sqrt(sigma * sigma + sigma_data * sigma_data);
    const fromMin = sigma - sigma_min;
    return {
      timestep: 1000 * 0.25 * Math.log(level + 1e-44), // c_noise
      input: 1 / dataSpread, // c_in
      churn: 0,
      x0: {
        sample: sigma_data ** 2 / (fromMin * fromMin + sigma_data ** 2), // c_skip
        output: (fromMin * sigma_data) / dataSpread, // c_out
        divisor: 1,
      },
      clip: config.clip_denoised ? 1 : null,
      next: [{ call: i, x0: 1 }],
      noise: s_noise * Math.sqrt(Math.max(next * next - sigma_min * sigma_min, 0)),
    };
  });
  return { scale: sigma_max, calls };
}
