/** What one training step draws for each sample: a timestep, its α and σ, and the weight of its loss. */
import { type PredictionType } from './config.ts';
import { SchedulerArgumentError } from './errors.ts';
import { type NoiseSchedule } from './noise-schedule.ts';

/**
 * How much each timestep's squared error counts.
 * - `uniform`: 1, the "simple" loss of DDPM (eq. 14).
 * - `min-snr`: Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy" (2023), section 3.4: min(SNR, γ)
 *   on the error of x_0, divided by SNR for ε and by SNR + 1 for v. The paper's γ is 5.
 */
export type LossWeighting =
  { readonly kind: 'uniform' } | { readonly kind: 'min-snr'; readonly gamma: number };

/** One entry a sample, all [B]. */
export interface TrainingDraw {
  /** t, from 0 to T − 1 */
  readonly timesteps: Int32Array;
  /** √ᾱ_t: x_t = alpha·x_0 + sigma·ε */
  readonly alpha: Float32Array;
  /** √(1 − ᾱ_t) */
  readonly sigma: Float32Array;
  /** factor of the sample's loss */
  readonly weight: Float32Array;
}

/** The factor of the squared error at a signal-to-noise ratio. @throws SchedulerArgumentError if γ is not positive */
export function lossWeight(weighting: LossWeighting, prediction: PredictionType, snr: number): number {
  if (weighting.kind === 'uniform') return 1;
  const { gamma } = weighting;
  if (!(gamma > 0)) throw new SchedulerArgumentError(`lossWeight: wanted gamma above 0, got ${gamma}`);
  const onX0 = Math.min(snr, gamma);
  switch (prediction) {
    case 'epsilon':
      return snr === 0 ? 1 : onX0 / snr;
    case 'sample':
      return onX0;
    case 'v_prediction':
      return onX0 / (snr + 1);
  }
}

/**
 * Draws timesteps uniformly: t = ⌊u·T⌋ with one u for each sample. The caller brings the u, from a counter-based stream for
 * each sample, so that a sample's draw depends neither on the batch nor on how many processes share it.
 *
 * @param uniforms u, [B], each in [0, 1)
 * @throws SchedulerArgumentError if a u is outside [0, 1)
 */
export function trainingDraw(
  schedule: NoiseSchedule,
  uniforms: Float32Array,
  weighting: LossWeighting = { kind: 'uniform' },
): TrainingDraw {
  const size = uniforms.length;
  const draw = {
    timesteps: new Int32Array(size),
    alpha: new Float32Array(size),
    sigma: new Float32Array(size),
    weight: new Float32Array(size),
  };
  uniforms.forEach((u, i) => {
    if (!(u >= 0 && u < 1)) {
      throw new SchedulerArgumentError(`trainingDraw: wanted uniforms from 0 to below 1, got ${u} at ${i}`);
    }
    const t = Math.floor(u * schedule.trainTimesteps);
    const { alpha, sigma } = schedule.addNoise(t);
    draw.timesteps[i] = t;
    draw.alpha[i] = alpha;
    draw.sigma[i] = sigma;
    draw.weight[i] = lossWeight(weighting, schedule.config.prediction_type, schedule.snr(t));
  });
  return draw;
}
