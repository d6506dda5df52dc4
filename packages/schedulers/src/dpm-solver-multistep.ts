/**
 * DPM-Solver, multistep: Lu et al., "DPM-Solver++" (2022), Algorithm 2, and its stochastic and noise-predicting forms
 * (diffusers' DPMSolverMultistepScheduler). dpm-solver-updates.ts has the step itself; here are the noise levels and the orders.
 */
import { type ConfigOf } from './config.ts';
import { type DpmAlgorithm, dpmSolverUpdate, signalNoise } from './dpm-solver-updates.ts';
import { SchedulerArgumentError, SchedulerConfigError } from './errors.ts';
import { luSigmas } from './karras-sigmas.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { predictedEpsilon, predictedX0 } from './prediction.ts';
import { interpolate, respacedSigmas, sigmaTable, timestepsOf } from './sigma-space.ts';
import {
  checkSteps,
  checkTimesteps,
  type Share,
  type SolverCall,
  type SolverPlan,
  type SolverSettings,
} from './solver-plan.ts';
import { roundHalfEven, spacedTimesteps } from './timesteps.ts';

type DpmConfig = ConfigOf<'DPMSolverMultistepScheduler'>;

/** The largest S with `used` of the T timesteps: of S + 1 that `linspace` and `leading` space, the last is left out. */
export function dpmMostSteps(config: DpmConfig, used: number = config.num_train_timesteps): number {
  return config.timestep_spacing === 'trailing' ? config.num_train_timesteps : used - 1;
}

/** Timesteps with λ ≥ `lambda_min_clipped`: the noisiest are cut off. */
function usedTimesteps(config: DpmConfig, table: Float32Array): number {
  const least = config.lambda_min_clipped;
  return least === null ? table.length : table.filter((sigma) => -Math.log(sigma) >= least).length;
}

/** The whole timesteps that the config's spacing visits, [S], falling. Unlike `spacedTimesteps`, none is 0 (but for an offset). */
function spaced(config: DpmConfig, S: number, used: number): ArrayLike<number> {
  const { timestep_spacing: spacing, steps_offset: offset, num_train_timesteps: T } = config;
  switch (spacing) {
    case 'linspace': {
      const step = (used - 1) / S;
      return Int32Array.from({ length: S }, (_, i) => roundHalfEven((S - i) * step));
    }
    case 'leading':
      return spacedTimesteps({ trainTimesteps: used, steps: S + 1, spacing, offset }).slice(0, S);
    case 'trailing': {
      const stride = used - T / S - used; // as NumPy's arange finds it, rounding and all
      const found = Int32Array.from({ length: S }, (_, i) => roundHalfEven(used + i * stride) - 1);
      return found.filter((t) => t >= 0);
    }
  }
}

/** The noise levels σ_0 … σ_S and the timestep of each but the last. */
function levels(
  schedule: NoiseSchedule,
  config: DpmConfig,
  { steps, timesteps }: SolverSettings,
): { timesteps: Int32Array; sigmas: Float32Array } {
  const table = sigmaTable(schedule);
  const final = config.final_sigmas_type === 'sigma_min' ? table[0]! : 0;
  const ends = { sigmaMin: table[0]!, sigmaMax: table[table.length - 1]! };
  const lu = config.use_lu_lambdas && !config.use_karras_sigmas;
  const respaced = lu ? luSigmas(steps, ends) : respacedSigmas(config, steps, ends);
  if (respaced !== undefined) {
    if (timesteps !== undefined) {
      throw new SchedulerArgumentError(
        `${config._class_name}: wanted no timesteps with use_karras_sigmas, use_lu_lambdas or use_exponential_sigmas, got ${timesteps.length}`,
      );
    }
    // diffusers rounds those of Karras et al. and Lu et al., but for the cosine schedule, and cuts all others.
    const rounds = (config.use_karras_sigmas || lu) && config.beta_schedule !== 'squaredcos_cap_v2';
    const whole = rounds ? roundHalfEven : Math.trunc;
    return {
      timesteps: Int32Array.from(timestepsOf(respaced, table), whole),
      sigmas: Float32Array.from([...respaced, final]),
    };
  }
  const used = usedTimesteps(config, table);
  if (timesteps === undefined) checkSteps(config._class_name, steps, dpmMostSteps(config, used));
  const chosen = Int32Array.from(timesteps ?? spaced(config, steps, used));
  return {
    timesteps: chosen,
    sigmas: Float32Array.from([...Array.from(chosen, (t) => interpolate(table, t)), final]),
  };
}

/** The order of step i of S: as high as the past allows, and lower at the end where the config says so. */
function orderAt(config: DpmConfig, i: number, S: number): number {
  const settlesLow = config.lower_order_final && S < 15;
  const last = config.euler_at_final || settlesLow || config.final_sigmas_type === 'zero';
  const most = i === S - 1 && last ? 1 : i === S - 2 && settlesLow ? 2 : 3;
  return Math.min(config.solver_order, i + 1, most);
}

/**
 * All calls of a DPM-Solver run, one a step; with `lambda_min_clipped` and `trailing` spacing there may be fewer than S.
 *
 * @throws SchedulerArgumentError if S is not from 1 to T − 1 (T for `trailing` spacing), or timesteps are not S falling ones
 */
export function dpmSolverPlan(schedule: NoiseSchedule, settings: SolverSettings): SolverPlan {
  const { config, trainTimesteps } = schedule;
  if (config._class_name !== 'DPMSolverMultistepScheduler') {
    throw new SchedulerConfigError(
      `dpmSolverPlan: wanted a DPMSolverMultistepScheduler config, got ${config._class_name}`,
    );
  }
  const { prediction_type: prediction } = config;
  const algorithm: DpmAlgorithm = config.algorithm_type === 'deis' ? 'dpmsolver++' : config.algorithm_type;
  const solver = config.solver_type === 'heun' ? 'heun' : 'midpoint';
  if (settings.timesteps) {
    checkTimesteps(config._class_name, settings.timesteps, { steps: settings.steps, trainTimesteps });
  } else {
    checkSteps(config._class_name, settings.steps, dpmMostSteps(config));
  }
  const { timesteps, sigmas } = levels(schedule, config, settings);
  const S = timesteps.length;
  const { clip } = schedule;
  /** weight·m of call n: m is x̂_0, or ε̂ written out in x and the output, or in x and a thresholded x̂_0 */
  const share = (n: number, weight: number): Share => {
    if (algorithm.endsWith('++')) return { call: n, x0: weight };
    const at = signalNoise(sigmas[n]!);
    if (clip !== null) return { call: n, sample: weight / at.sigma, x0: (-weight * at.alpha) / at.sigma };
    const { sample, output, divisor } = predictedEpsilon(prediction, at);
    return { call: n, sample: (weight * sample) / divisor, output: (weight * output) / divisor };
  };
  /** x̂_0 of call n; where ε̂ is what steps take, and is thresholded, from ε̂ as in diffusers, last bits and all */
  const image = (n: number): Pick<SolverCall, 'x0' | 'epsilon'> => {
    const at = signalNoise(sigmas[n]!);
    if (algorithm.endsWith('++') || clip === null) return { x0: predictedX0(prediction, at) };
    return { x0: predictedX0('epsilon', at), epsilon: predictedEpsilon(prediction, at) };
  };
  const calls = Array.from(timesteps, (timestep, i): SolverCall => {
    const order = orderAt(config, i, S);
    const newest = Array.from({ length: order + 1 }, (_, k) => sigmas[i + 1 - k]!);
    const update = dpmSolverUpdate(algorithm, solver, order, newest);
    return {
      timestep,
      input: 1,
      churn: 0,
      ...image(i),
      clip,
      next: [{ call: i, sample: update.sample }, ...update.outputs.map((weight, k) => share(i - k, weight))],
      noise: update.noise,
    };
  });
  return { scale: 1, calls };
}
