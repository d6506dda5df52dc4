/**
 * How long a comparison has still to go: training steps and denoising steps that are left, each at the pace of the last
 * ones.
 */
import { type CompareConfig } from '@immiscible/trainer';
import { type ArmProgress } from './arm-progress.ts';

/** Of a training step (forward and backward), a denoising step of one batch (forward) takes about this share. */
const FORWARD_SHARE = 0.4;

export class TimeLeft {
  readonly #config: CompareConfig;
  /** denoising steps done, by arm */
  readonly #denoised = new Map<string, number>();
  /** seconds of one denoising step of one batch */
  #denoisingSeconds = NaN;
  #last: { key: string; done: number; at: number } | undefined;

  constructor(config: CompareConfig) {
    this.#config = config;
  }

  /** Takes note of denoising steps. @param now milliseconds */
  sampled(arm: string, samplingSteps: number, done: number, now: number): void {
    const key = `${arm}/${samplingSteps}`;
    const last = this.#last?.key === key && this.#last.done < done ? this.#last : undefined;
    const steps = done - (last?.done ?? 0);
    this.#denoised.set(arm, (this.#denoised.get(arm) ?? 0) + steps);
    if (last) {
      const seconds = (now - last.at) / 1000 / steps;
      this.#denoisingSeconds = Number.isNaN(this.#denoisingSeconds)
        ? seconds
        : 0.9 * this.#denoisingSeconds + 0.1 * seconds;
    }
    this.#last = { key, done, at: now };
  }

  /** Denoising steps of one arm in all. */
  #denoisingSteps(): number {
    const { points, samples, batchSize, samplingSteps, pointSamplingSteps } = this.#config.evaluation;
    const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
    const batches = Math.ceil(samples / Math.min(batchSize, samples));
    return batches * ((points - 1) * sum(pointSamplingSteps ?? samplingSteps) + sum(samplingSteps));
  }

  /** Seconds; NaN while nothing is known of the pace. @param arms every arm, begun or not */
  seconds(arms: readonly ArmProgress[]): number {
    const paces = arms.map((arm) => arm.secondsPerStep).filter((pace) => !Number.isNaN(pace));
    const typical = paces.reduce((a, b) => a + b, 0) / paces.length;
    const { training, evaluation } = this.#config;
    const guess =
      (FORWARD_SHARE * typical * Math.min(evaluation.batchSize, evaluation.samples)) /
      (training.batchSize * training.accumulate);
    const denoising = Number.isNaN(this.#denoisingSeconds) ? guess : this.#denoisingSeconds;
    return arms.reduce((sum, arm) => {
      const pace = Number.isNaN(arm.secondsPerStep) ? typical : arm.secondsPerStep;
      const left = Math.max(0, this.#denoisingSteps() - (this.#denoised.get(arm.name) ?? 0));
      return sum + (arm.steps - arm.step) * pace + left * denoising;
    }, 0);
  }
}
