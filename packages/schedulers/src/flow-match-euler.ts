/**
 * Euler's method on a flow: Liu et al., "Rectified Flow" (2022), and Esser et al., "Scaling Rectified Flow Transformers" (2024,
 * Stable Diffusion 3), eq. 23 for the shift (diffusers' FlowMatchEulerDiscreteScheduler).
 *
 * Paper → here: x_t = (1 − t)·x_0 + t·ε with t → σ; the network's output v = ε − x_0; dx = v·dt; the shift α → `shift`. With
 * `invert_sigmas` time runs the other way, σ = 1 − t from noise at 0 to the image at 1, and the output is x_0 − ε.
 */
import { type ConfigOf } from './config.ts';
import { SchedulerArgumentError } from './errors.ts';
import { exponentialSigmas, karrasSigmas } from './karras-sigmas.ts';
import { checkSteps, type SolverCall, type SolverPlan, type SolverSettings } from './solver-plan.ts';

type FlowConfig = ConfigOf<'FlowMatchEulerDiscreteScheduler'>;

const f32 = Math.fround;

/** SD3 eq. 23: more of the steps at the noisy end for a shift above 1. */
function shifted(sigma: number, shift: number): number {
  return (shift * sigma) / (1 + (shift - 1) * sigma);
}

/** The config's shift, or e^μ (μ itself for the linear kind) where it is to depend on the image's size. */
function shiftOf(config: FlowConfig, mu: number | undefined): number {
  if (!config.use_dynamic_shifting) {
    if (mu === undefined) return config.shift;
    throw new SchedulerArgumentError(
      `${config._class_name}: wanted no mu where use_dynamic_shifting is false, got ${mu}`,
    );
  }
  if (mu === undefined) {
    throw new SchedulerArgumentError(
      `${config._class_name}: use_dynamic_shifting wants mu, the shift for this image size; none came`,
    );
  }
  return config.time_shift_type === 'exponential' ? Math.exp(mu) : mu;
}

/** σ_0 … σ_{S−1}, falling from 1 at most; the run ends at 0. */
function levels(config: FlowConfig, S: number, mu: number | undefined): Float64Array {
  const { num_train_timesteps: T, shift_terminal: terminal } = config;
  const shift = shiftOf(config, mu);
  // The grid's ends are shifted already, unless dynamically: as in diffusers the lower one is shifted twice.
  const least = config.use_dynamic_shifting ? f32(1 / T) : f32(shifted(f32(1 / T), shift));
  let sigmas = Float64Array.from({ length: S }, (_, i) =>
    shifted(1 + (S > 1 ? i / (S - 1) : 0) * (least - 1), shift),
  );
  if (terminal !== null && terminal !== 0) {
    const scale = (1 - sigmas[S - 1]!) / (1 - terminal);
    if (scale === 0) {
      throw new SchedulerArgumentError(
        `${config._class_name}: shift_terminal wants at least 2 steps, got ${S}`,
      );
    }
    sigmas = sigmas.map((sigma) => 1 - (1 - sigma) / scale);
  }
  const range = { sigmaMin: sigmas[S - 1]!, sigmaMax: sigmas[0]! };
  if (config.use_karras_sigmas) return karrasSigmas(S, { ...range, rho: 7 });
  if (config.use_exponential_sigmas) return exponentialSigmas(S, range);
  return sigmas;
}

/** What a flow's run is asked for. */
export interface FlowSettings extends SolverSettings {
  /** μ, where the config says `use_dynamic_shifting` */
  readonly mu?: number;
}

/**
 * All calls of a flow-matching run, one a step; the network is told T·σ, with σ as `invert_sigmas` has it.
 *
 * @throws SchedulerArgumentError if S is not a whole number of at least 1, or μ is missing or too much
 */
export function flowMatchPlan(config: FlowConfig, { steps, mu }: FlowSettings): SolverPlan {
  checkSteps(config._class_name, steps);
  const falling = Float32Array.from([...levels(config, steps, mu), 0]);
  const inverted = config.invert_sigmas;
  const sigmas = inverted ? falling.map((sigma) => 1 - sigma) : falling;
  const calls = Array.from({ length: steps }, (_, i): SolverCall => {
    const sigma = sigmas[i]!;
    const next = sigmas[i + 1]!;
    return {
      timestep: f32(sigma * config.num_train_timesteps),
      input: 1,
      churn: 0,
      x0: { sample: 1, output: inverted ? 1 - sigma : -sigma, divisor: 1 },
      clip: null,
      next: config.stochastic_sampling
        ? [{ call: i, x0: 1 - next }]
        : [{ call: i, sample: 1, output: next - sigma }],
      noise: config.stochastic_sampling ? next : 0,
    };
  });
  return { scale: 1, calls };
}
