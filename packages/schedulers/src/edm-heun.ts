/**
 * EDM's stochastic sampler: Karras et al., "Elucidating the Design Space of Diffusion-Based Generative Models" (2022),
 * Algorithm 2, with the preconditioning of table 1 (c_skip, c_out, c_in, c_noise).
 *
 * Paper → here: t_i → σ_i (σ(t) = t), eq. 5 with t_N = 0; γ_i → `gamma`; t̂_i = t_i + γ_i·t_i → `hat`; S_churn, S_tmin, S_tmax and
 * S_noise → `S_churn`, `S_min`, `S_max` (null: ∞) and `S_noise`, as in the paper's code; D(x; σ) → x̂_0.
 */
import { type ConfigOf } from './config.ts';
import { karrasSigmas } from './karras-sigmas.ts';
import { type Quotient } from './prediction.ts';
import { checkSteps, type Share, type SolverCall, type SolverPlan } from './solver-plan.ts';

type EdmConfig = ConfigOf<'EDMHeunScheduler'>;

/** γ_i: how much noisier the level is made before its step. */
function gammaAt({ S_churn, S_min, S_max }: EdmConfig, sigma: number, N: number): number {
  const churns = sigma >= S_min && sigma <= (S_max ?? Infinity);
  return churns ? Math.min(S_churn / N, Math.SQRT2 - 1) : 0;
}

/** D = c_skip·x + c_out·F, table 1. */
function denoised(sigma: number, sigmaData: number): Quotient {
  const variance = sigma * sigma + sigmaData * sigmaData;
  return {
    sample: (sigmaData * sigmaData) / variance, // c_skip
    output: (sigma * sigmaData) / Math.sqrt(variance), // c_out
    divisor: 1,
  };
}

/** factor·d of a call at noise level σ: d = (x − D)/σ, in x and F, where nothing cancels: (1 − c_skip)/σ = σ/(σ² + σ_data²). */
function slope(call: number, factor: number, sigma: number, sigmaData: number): Share {
  const spread = Math.sqrt(sigma * sigma + sigmaData * sigmaData);
  return { call, sample: (factor * sigma) / (spread * spread), output: (-factor * sigmaData) / spread };
}

/**
 * All calls of an EDM run: 2N − 1, two a step and one at the last.
 *
 * @param N steps
 * @throws SchedulerArgumentError if N is not a whole number of at least 1
 */
export function edmHeunPlan(config: EdmConfig, N: number): SolverPlan {
  checkSteps(config._class_name, N);
  const { sigma_min: sigmaMin, sigma_max: sigmaMax, sigma_data: sigmaData, rho, S_noise } = config;
  const sigmas = [...karrasSigmas(N, { sigmaMin, sigmaMax, rho }), 0];
  const calls: SolverCall[] = [];
  const callAt = (sigma: number, churn: number, next: Share[]): void => {
    calls.push({
      timestep: 0.25 * Math.log(sigma), // c_noise
      input: 1 / Math.sqrt(sigma * sigma + sigmaData * sigmaData), // c_in
      churn,
      x0: denoised(sigma, sigmaData),
      clip: null,
      next,
      noise: 0,
    });
  };
  for (let i = 0; i < N; i++) {
    const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!];
    const hat = sigma + gammaAt(config, sigma, N) * sigma; // line 5
    const churn = S_noise * Math.sqrt(hat * hat - sigma * sigma); // line 6
    const step = next - hat;
    const n = calls.length;
    callAt(hat, churn, [{ call: n, sample: 1 }, slope(n, step, hat, sigmaData)]); // lines 7 and 8
    if (next === 0) continue;
    const mean = [slope(n, step / 2, hat, sigmaData), slope(n + 1, step / 2, next, sigmaData)];
    callAt(next, 0, [{ call: n, sample: 1 }, ...mean]); // lines 10 and 11
  }
  return { scale: sigmaMax, calls };
}
