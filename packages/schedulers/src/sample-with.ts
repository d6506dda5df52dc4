/** Every sampler under one call: which one runs is what the config's `_class_name` says. */
import { type SchedulerConfig } from './config.ts';
import { sampleDdim } from './ddim.ts';
import { sampleDdpm } from './ddpm.ts';
import { SchedulerArgumentError } from './errors.ts';
import { NoiseSchedule } from './noise-schedule.ts';
import { type PlanRun } from './run-plan.ts';

/** What `sampleWith` needs. */
export interface SampleRun extends Omit<PlanRun, 'plan'> {
  readonly config: SchedulerConfig;
  /** S, sampling steps; `modelCalls` says how many calls of the network that takes */
  readonly steps: number;
  /** N(0, I), all samples one after another; the scheduler scales it to where it starts; not changed */
  readonly x: Float32Array;
  /** DDIM's η, from 0 (the default: deterministic) to 1; no other sampler has one */
  readonly eta?: number;
}

/**
 * Samples with the scheduler that the config names. All preconditioning is the scheduler's: `denoise` gets the model's input,
 * scaled, and the timestep as the network is trained on it, and answers with the network's raw output.
 *
 * @returns x_0, a new array of x's length
 * @throws SchedulerArgumentError on settings out of range or that the sampler does not have, SamplingError on a model output
 *   that is wrong or not finite
 */
export async function sampleWith({ config, steps, eta, ...run }: SampleRun): Promise<Float32Array> {
  if (eta !== undefined && eta !== 0 && config._class_name !== 'DDIMScheduler') {
    throw new SchedulerArgumentError(
      `sampleWith: eta is DDIM's; ${config._class_name} has none, got ${eta}: leave it out`,
    );
  }
  switch (config._class_name) {
    case 'DDPMScheduler':
      return sampleDdpm({ schedule: new NoiseSchedule(config), steps, ...run });
    case 'DDIMScheduler':
      return sampleDdim({ schedule: new NoiseSchedule(config), steps, eta: eta ?? 0, ...run });
    default:
      throw new SchedulerArgumentError(`sampleWith: ${config._class_name} cannot be sampled with yet`);
  }
}

/** How often a run of so many steps calls the network, which is how many reports `onStep` gets. */
export function modelCalls(_config: SchedulerConfig, steps: number): number {
  return steps;
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
