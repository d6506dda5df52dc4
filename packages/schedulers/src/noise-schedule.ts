/** The forward process: how much of an image and how much noise stand in x_t, for each timestep t. */
import { cumulativeAlphas, makeBetas } from './betas.ts';
import {
  type BetaConfig,
  type ConfigOf,
  hasBetas,
  parseSchedulerConfig,
  type SchedulerConfig,
  type SchedulerConfigInput,
} from './config.ts';
import { type Clip } from './dynamic-threshold.ts';
import { SchedulerArgumentError, SchedulerConfigError } from './errors.ts';
import { type SignalNoise } from './prediction.ts';
import { spacedTimesteps } from './timesteps.ts';

const f32 = Math.fround;

function thresholdOf(
  config: ConfigOf<'DDPMScheduler' | 'DDIMScheduler' | 'DPMSolverMultistepScheduler'>,
): Clip | null {
  const { thresholding, dynamic_thresholding_ratio: ratio, sample_max_value: most } = config;
  return thresholding ? { ratio, most } : null;
}

/**
 * q(x_t | x_0) = N(√ᾱ_t·x_0, (1 − ᾱ_t)·I), "DDPM" (Ho et al. 2020) eq. 4.
 *
 * Paper's symbols: β_t `betas`, ᾱ_t `alphasCumprod`, T `trainTimesteps`. All numbers are float32 values, equal to those
 * that diffusers computes from the same config.
 */
export class NoiseSchedule {
  readonly config: BetaConfig;
  /** β_t, [T] */
  readonly betas: Float32Array;
  /** ᾱ_t, [T], falling */
  readonly alphasCumprod: Float32Array;

  /**
   * @param config a scheduler config, complete or with defaults to be filled in; see `parseSchedulerConfig` for errors
   * @throws SchedulerConfigError if the class has no β: consistency, flow matching and EDM
   */
  constructor(config: SchedulerConfig | SchedulerConfigInput) {
    const complete = parseSchedulerConfig(config);
    if (!hasBetas(complete)) {
      throw new SchedulerConfigError(
        `NoiseSchedule: wanted a scheduler that is built on betas, got ${complete._class_name}, which has none`,
      );
    }
    this.config = complete;
    this.betas = makeBetas(this.config);
    this.alphasCumprod = cumulativeAlphas(this.betas);
  }

  /** T, the number of timesteps that the network is trained on. */
  get trainTimesteps(): number {
    return this.config.num_train_timesteps;
  }

  /**
   * x̂_0 is clamped to [−clip, clip], or thresholded, which takes the place of that; null where the config, or the class, asks for
   * no such thing.
   */
  get clip(): Clip | null {
    const { config } = this;
    switch (config._class_name) {
      case 'DDPMScheduler':
      case 'DDIMScheduler':
        return thresholdOf(config) ?? (config.clip_sample ? config.clip_sample_range : null);
      case 'HeunDiscreteScheduler':
        return config.clip_sample ? config.clip_sample_range : null;
      case 'DPMSolverMultistepScheduler':
        return thresholdOf(config);
      default:
        return null;
    }
  }

  /** ᾱ_t. @throws SchedulerArgumentError if t is not a whole number from 0 to T − 1 */
  alphaCumprod(t: number): number {
    const value = this.alphasCumprod[t];
    if (value === undefined) {
      throw new SchedulerArgumentError(
        `NoiseSchedule: wanted a timestep from 0 to ${this.trainTimesteps - 1}, got ${t}`,
      );
    }
    return value;
  }

  /** α and σ of x_t = α·x_0 + σ·ε: √ᾱ_t and √(1 − ᾱ_t). @throws SchedulerArgumentError if t is no timestep */
  addNoise(t: number): SignalNoise {
    const alphaBar = this.alphaCumprod(t);
    return { alpha: f32(Math.sqrt(alphaBar)), sigma: f32(Math.sqrt(f32(1 - alphaBar))) };
  }

  /** Signal-to-noise ratio ᾱ_t / (1 − ᾱ_t), falling in t. @throws SchedulerArgumentError if t is no timestep */
  snr(t: number): number {
    const alphaBar = this.alphaCumprod(t);
    return alphaBar / (1 - alphaBar);
  }

  /** The timesteps of a sampler of `steps` steps, falling, spaced as the config says; see `spacedTimesteps`. */
  timesteps(steps: number): Int32Array {
    return spacedTimesteps({
      trainTimesteps: this.trainTimesteps,
      steps,
      spacing: this.config.timestep_spacing,
      offset: this.config.steps_offset,
    });
  }
}
