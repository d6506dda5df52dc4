/** Every sampler under one call: which one runs is what the config's `_class_name` says. */
import { type SchedulerConfig } from './config.ts';
import { consistencyPlan } from './consistency-multistep.ts';
import { sampleDdim } from './ddim.ts';
import { sampleDdpm } from './ddpm.ts';
import { dpmMostSteps, dpmSolverPlan } from './dpm-solver-multistep.ts';
import { edmHeunPlan } from './edm-heun.ts';
import { SchedulerArgumentError } from './errors.ts';
import { eulerPlan } from './euler.ts';
import { flowMatchPlan, type FlowSettings } from './flow-match-euler.ts';
import { heunPlan } from './heun.ts';
import { NoiseSchedule } from './noise-schedule.ts';
import { pndmPlan } from './pndm.ts';
import { type PlanRun } from './run-plan.ts';
import { runSolver } from './run-solver.ts';
import { type SolverPlan } from './solver-plan.ts';

/** What `sampleWith` needs. */
export interface SampleRun extends Omit<PlanRun, 'plan'>, FlowSettings {
  readonly config: SchedulerConfig;
  /** N(0, I), all samples one after another; the scheduler scales it to where it starts; not changed */
  readonly x: Float32Array;
  /** DDIM's η, from 0 (the default: deterministic) to 1; no other sampler has one */
  readonly eta?: number;
}

/** @throws SchedulerArgumentError for a setting that the sampler does not have */
function refuseSetting(
  config: SchedulerConfig,
  setting: string,
  value: number | readonly number[] | undefined,
): void {
  if (value === undefined) return;
  throw new SchedulerArgumentError(
    `${config._class_name}: has no ${setting}, got ${value.toString()}; leave it out`,
  );
}

/** The classes that visit whichever timesteps they are told to. */
const takesTimesteps: readonly SchedulerConfig['_class_name'][] = [
  'EulerDiscreteScheduler',
  'HeunDiscreteScheduler',
  'DPMSolverMultistepScheduler',
  'CMStochasticIterativeScheduler',
];

/**
 * The calls of the network that a run makes, as coefficients: for every scheduler but DDPM and DDIM, whose steps stand alone and
 * are coefficients of another form (`ddpmPlan`, `ddimPlan`).
 *
 * @throws SchedulerArgumentError on settings out of range or that the sampler does not have
 */
export function solverPlan(config: SchedulerConfig, settings: FlowSettings): SolverPlan {
  if (!takesTimesteps.includes(config._class_name)) refuseSetting(config, 'timesteps', settings.timesteps);
  if (config._class_name !== 'FlowMatchEulerDiscreteScheduler') refuseSetting(config, 'mu', settings.mu);
  switch (config._class_name) {
    case 'PNDMScheduler':
      return pndmPlan(new NoiseSchedule(config), settings.steps);
    case 'EulerDiscreteScheduler':
      return eulerPlan(new NoiseSchedule(config), settings);
    case 'HeunDiscreteScheduler':
      return heunPlan(new NoiseSchedule(config), settings);
    case 'DPMSolverMultistepScheduler':
      return dpmSolverPlan(new NoiseSchedule(config), settings);
    case 'CMStochasticIterativeScheduler':
      return consistencyPlan(config, settings);
    case 'FlowMatchEulerDiscreteScheduler':
      return flowMatchPlan(config, settings);
    case 'EDMHeunScheduler':
      return edmHeunPlan(config, settings.steps);
    case 'DDPMScheduler':
    case 'DDIMScheduler':
      throw new SchedulerArgumentError(
        `solverPlan: ${config._class_name} has steps of another form; wanted ddpmPlan or ddimPlan`,
      );
  }
}

/**
 * Samples with the scheduler that the config names. All preconditioning is the scheduler's: `denoise` gets the model's input,
 * scaled, and the timestep as the network is trained on it, and answers with the network's raw output.
 *
 * @returns x_0, a new array of x's length
 * @throws SchedulerArgumentError on settings out of range or that the sampler does not have, SamplingError on a model output
 *   that is wrong or not finite
 */
export async function sampleWith(run: SampleRun): Promise<Float32Array> {
  const { config, steps, eta, timesteps, mu, ...loop } = run;
  const name = config._class_name;
  if (name !== 'DDIMScheduler' && eta !== 0) refuseSetting(config, 'eta', eta);
  if (name === 'DDPMScheduler' || name === 'DDIMScheduler') {
    refuseSetting(config, 'timesteps', timesteps);
    refuseSetting(config, 'mu', mu);
    const schedule = new NoiseSchedule(config);
    return name === 'DDPMScheduler'
      ? sampleDdpm({ schedule, steps, ...loop })
      : sampleDdim({ schedule, steps, eta: eta ?? 0, ...loop });
  }
  return runSolver({ plan: solverPlan(config, run), ...loop });
}

/**
 * How often a run of so many steps calls the network, which is how many reports `onStep` gets: S for most, 2S − 1 for both Heun
 * samplers, S + 1 for PNDM with `skip_prk_steps` and S + 9 without.
 *
 * @throws SchedulerArgumentError if the scheduler does not take so many steps
 */
export function modelCalls(config: SchedulerConfig, steps: number): number {
  switch (config._class_name) {
    case 'DDPMScheduler':
    case 'DDIMScheduler':
      return new NoiseSchedule(config).timesteps(steps).length;
    case 'FlowMatchEulerDiscreteScheduler':
      // A dynamic shift moves the calls and does not change their number.
      return solverPlan({ ...config, use_dynamic_shifting: false }, { steps }).calls.length;
    default:
      return solverPlan(config, { steps }).calls.length;
  }
}

/** The number of steps that the scheduler is made for; undefined where any number is as good. */
export function defaultSteps(config: SchedulerConfig): number | undefined {
  switch (config._class_name) {
    case 'DDPMScheduler':
      return config.num_train_timesteps;
    case 'CMStochasticIterativeScheduler':
      return 1;
    case 'EDMHeunScheduler':
      return config.num_steps;
    default:
      return undefined;
  }
}

/** The most steps that the scheduler takes; Infinity for EDM and flow matching, whose time is continuous. */
export function maximumSteps(config: SchedulerConfig): number {
  switch (config._class_name) {
    case 'EDMHeunScheduler':
    case 'FlowMatchEulerDiscreteScheduler':
      return Infinity;
    case 'DPMSolverMultistepScheduler':
      return dpmMostSteps(config);
    default:
      return config.num_train_timesteps;
  }
}
