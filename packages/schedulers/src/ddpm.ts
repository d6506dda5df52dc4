/**
 * DDPM: Ho, Jain & Abbeel, "Denoising Diffusion Probabilistic Models" (2020), eq. 6, 7 and 15, on a subset of timesteps as
 * Nichol & Dhariwal, "Improved DDPM" (2021), section 4 take it.
 *
 * Paper → here: α_t → `alpha` = ᾱ_t/ᾱ_prev, β_t → `beta` = 1 − alpha (of the subset, not of the training schedule); μ̃_t → the
 * weights of x̂_0 and x_t; β̃_t → `posteriorVariance`.
 */
import { type VarianceType } from './config.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { predictedX0 } from './prediction.ts';
import { runPlan, type PlanRun } from './run-plan.ts';
import { type SamplerStep } from './step.ts';

const f32 = Math.fround;

/** Standard deviation of the noise that a step adds. */
function deviation(type: VarianceType, beta: number, betaTilde: number): number {
  // diffusers' floor, so that its logarithm exists
  const posteriorVariance = Math.max(betaTilde, f32(1e-20));
  switch (type) {
    case 'fixed_small':
      return f32(Math.sqrt(posteriorVariance));
    case 'fixed_small_log':
      return f32(Math.exp(f32(0.5 * f32(Math.log(posteriorVariance)))));
    case 'fixed_large':
      return f32(Math.sqrt(beta));
    case 'fixed_large_log':
      // diffusers 0.35.2 takes the square root of the logarithm here and samples NaN; this is what the name means.
      return f32(Math.exp(f32(0.5 * f32(Math.log(beta)))));
  }
}

/**
 * The step from `timestep` to `previousTimestep`; a negative one ends at the image (ᾱ = 1). The variance is the config's
 * `variance_type`, or `fixed_small` if it has none; at timestep 0 no noise is added.
 *
 * @throws SchedulerArgumentError if a timestep is out of range
 */
export function ddpmStep(schedule: NoiseSchedule, timestep: number, previousTimestep: number): SamplerStep {
  const { config } = schedule;
  const alphaBar = schedule.alphaCumprod(timestep);
  const alphaBarPrev = previousTimestep < 0 ? 1 : schedule.alphaCumprod(previousTimestep);
  const betaBar = f32(1 - alphaBar);
  const betaBarPrev = f32(1 - alphaBarPrev);
  const alpha = f32(alphaBar / alphaBarPrev);
  const beta = f32(1 - alpha);
  const betaTilde = f32(f32(betaBarPrev / betaBar) * beta);
  const type = config._class_name === 'DDPMScheduler' ? config.variance_type : 'fixed_small';
  return {
    timestep,
    previousTimestep,
    x0: predictedX0(config.prediction_type, schedule.addNoise(timestep)),
    clip: schedule.clip,
    epsilon: { sample: 0, output: 0, divisor: 1 },
    previous: {
      // eq. 7
      x0: f32(f32(f32(Math.sqrt(alphaBarPrev)) * beta) / betaBar),
      epsilon: 0,
      sample: f32(f32(f32(Math.sqrt(alpha)) * betaBarPrev) / betaBar),
      noise: timestep > 0 ? deviation(type, beta, betaTilde) : 0,
    },
  };
}

/** All steps of a DDPM sampler, first to last. @param steps S, from 1 to T */
export function ddpmPlan(schedule: NoiseSchedule, steps: number): SamplerStep[] {
  const timesteps = schedule.timesteps(steps);
  return Array.from(timesteps, (t, i) => ddpmStep(schedule, t, timesteps[i + 1] ?? -1));
}

/** What `sampleDdpm` needs; `noise` always, but for a single step at timestep 0. */
export interface DdpmOptions extends Omit<PlanRun, 'plan'> {
  readonly schedule: NoiseSchedule;
  /** S, from 1 to T; default T */
  readonly steps?: number;
}

/**
 * Samples with DDPM (ancestral sampling) from noise `x`; see `PlanRun` for the callbacks.
 *
 * @returns x_0, a new array of x's length
 * @throws SchedulerArgumentError on settings out of range, SamplingError on a model output that is wrong or not finite
 */
export async function sampleDdpm({
  schedule,
  steps = schedule.trainTimesteps,
  ...run
}: DdpmOptions): Promise<Float32Array> {
  return runPlan({ plan: ddpmPlan(schedule, steps), ...run });
}
