/**
 * DDIM: Song, Meng & Ermon, "Denoising Diffusion Implicit Models" (2021), eq. 12 and 16.
 *
 * Paper → here: α_t (the paper's is already cumulative) → ᾱ_t `alphaBar`; "predicted x_0" → x̂_0; "direction pointing to
 * x_t" → √(1 − ᾱ_prev − σ²)·ε̂; σ_t(η) → `sigmaEta`; η = 0 is deterministic, η = 1 has DDPM's variance.
 */
import { SchedulerArgumentError } from './errors.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { predictedEpsilon, predictedX0 } from './prediction.ts';
import { runPlan, type PlanRun } from './run-plan.ts';
import { type SamplerStep } from './step.ts';

const f32 = Math.fround;

/**
 * The step from `timestep` to `previousTimestep`; a negative one ends at the image (ᾱ = 1, or ᾱ_0 where the config says
 * `set_alpha_to_one: false`).
 *
 * @param eta η, from 0 (deterministic) to 1
 * @throws SchedulerArgumentError if a timestep or η is out of range
 */
export function ddimStep(
  schedule: NoiseSchedule,
  timestep: number,
  previousTimestep: number,
  eta = 0,
): SamplerStep {
  if (!(eta >= 0 && eta <= 1)) {
    throw new SchedulerArgumentError(`ddim: wanted eta from 0 to 1, got ${eta}`);
  }
  const { config } = schedule;
  const at = schedule.addNoise(timestep);
  const alphaBar = schedule.alphaCumprod(timestep);
  const final = 'set_alpha_to_one' in config && !config.set_alpha_to_one ? schedule.alphaCumprod(0) : 1;
  const alphaBarPrev = previousTimestep < 0 ? final : schedule.alphaCumprod(previousTimestep);
  const betaBar = f32(1 - alphaBar);
  const betaBarPrev = f32(1 - alphaBarPrev);
  // eq. 16, squared and without η
  const variance = f32(f32(betaBarPrev / betaBar) * f32(1 - f32(alphaBar / alphaBarPrev)));
  const sigmaEta = f32(f32(eta) * f32(Math.sqrt(variance)));
  return {
    timestep,
    previousTimestep,
    x0: predictedX0(config.prediction_type, at),
    clip: schedule.clip,
    epsilon: predictedEpsilon(config.prediction_type, at),
    previous: {
      // eq. 12
      x0: f32(Math.sqrt(alphaBarPrev)),
      epsilon: f32(Math.sqrt(f32(betaBarPrev - f32(sigmaEta * sigmaEta)))),
      sample: 0,
      noise: sigmaEta,
    },
  };
}

/**
 * All steps of a DDIM sampler, first to last. As in diffusers each step goes ⌊T/S⌋ timesteps down, whatever the spacing.
 *
 * @param steps S, from 1 to T
 * @throws SchedulerArgumentError if S or η is out of range
 */
export function ddimPlan(schedule: NoiseSchedule, steps: number, eta = 0): SamplerStep[] {
  const stride = Math.floor(schedule.trainTimesteps / steps);
  return Array.from(schedule.timesteps(steps), (t) => ddimStep(schedule, t, t - stride, eta));
}

/** What `sampleDdim` needs; `noise` only if η > 0. */
export interface DdimOptions extends Omit<PlanRun, 'plan'> {
  readonly schedule: NoiseSchedule;
  /** S, from 1 to T */
  readonly steps: number;
  /** η, from 0 (the default: deterministic) to 1 */
  readonly eta?: number;
}

/**
 * Samples with DDIM from noise `x`; see `PlanRun` for the callbacks.
 *
 * @returns x_0, a new array of x's length
 * @throws SchedulerArgumentError on settings out of range, SamplingError on a model output that is wrong or not finite
 */
export async function sampleDdim({ schedule, steps, eta = 0, ...run }: DdimOptions): Promise<Float32Array> {
  return runPlan({ plan: ddimPlan(schedule, steps, eta), ...run });
}
