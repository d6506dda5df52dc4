/**
 * What a network may predict, and how each prediction becomes the others.
 *
 * With x_t = α·x_0 + σ·ε, α = √ᾱ_t, σ = √(1 − ᾱ_t), so α² + σ² = 1:
 * `epsilon` predicts ε, `sample` predicts x_0, `v_prediction` predicts v = α·ε − σ·x_0
 * (Salimans & Ho, "Progressive Distillation" (2022), section 4 and appendix D).
 */
import { type PredictionType } from './config.ts';
import { SchedulerArgumentError } from './errors.ts';

/** Signal and noise at one timestep: α = √ᾱ_t and σ = √(1 − ᾱ_t), both from 0 to 1. */
export interface SignalNoise {
  readonly alpha: number;
  readonly sigma: number;
}

/**
 * Weights of (sample·x_t + output·modelOutput) / divisor. The division stays apart because the sum nearly cancels
 * where α is small: dividing first would round twice and amplify it.
 */
export interface Quotient {
  readonly sample: number;
  readonly output: number;
  readonly divisor: number;
}

/**
 * x̂_0 from x_t and the model's output. For ε: (x_t − σ·ε)/α, "DDPM" (Ho et al. 2020) eq. 15.
 *
 * @throws SchedulerArgumentError for ε where α = 0: pure noise says nothing about x_0
 */
export function predictedX0(type: PredictionType, { alpha, sigma }: SignalNoise): Quotient {
  switch (type) {
    case 'epsilon':
      if (alpha === 0) {
        throw new SchedulerArgumentError(
          'prediction: x0 cannot be had from epsilon where alpha is 0 (rescale_betas_zero_snr, last timestep); ' +
            'use prediction_type "v_prediction" or "sample"',
        );
      }
      return { sample: 1, output: -sigma, divisor: alpha };
    case 'sample':
      return { sample: 0, output: 1, divisor: 1 };
    case 'v_prediction':
      return { sample: alpha, output: -sigma, divisor: 1 };
  }
}

/**
 * ε̂ from x_t and the model's output.
 *
 * @throws SchedulerArgumentError for x_0 where σ = 0: without noise there is none to find
 */
export function predictedEpsilon(type: PredictionType, { alpha, sigma }: SignalNoise): Quotient {
  switch (type) {
    case 'epsilon':
      return { sample: 0, output: 1, divisor: 1 };
    case 'sample':
      if (sigma === 0) {
        throw new SchedulerArgumentError(
          'prediction: epsilon cannot be had from x0 where sigma is 0; ask at a noisy timestep',
        );
      }
      return { sample: 1, output: -alpha, divisor: sigma };
    case 'v_prediction':
      return { sample: sigma, output: alpha, divisor: 1 };
  }
}

/** What the network is to predict, as weights of x_0 and of the noise: target = x0·x_0 + noise·ε. */
export function trainingTarget(
  type: PredictionType,
  { alpha, sigma }: SignalNoise,
): { readonly x0: number; readonly noise: number } {
  switch (type) {
    case 'epsilon':
      return { x0: 0, noise: 1 };
    case 'sample':
      return { x0: 1, noise: 0 };
    case 'v_prediction':
      return { x0: -sigma, noise: alpha };
  }
}

/**
 * A prediction of one kind as a prediction of another, for the same x_t.
 *
 * @param output the model's output, any shape flattened; not changed
 * @param x x_t, as many values
 * @returns a new array of the kind of `output`, computed in float64 and rounded once
 * @throws SchedulerArgumentError on different lengths, or where the conversion does not exist (α = 0 or σ = 0)
 */
export function convertPrediction<A extends Float32Array | Float64Array>(
  from: PredictionType,
  to: PredictionType,
  output: A,
  x: Float32Array | Float64Array,
  at: SignalNoise,
): A {
  if (output.length !== x.length) {
    throw new SchedulerArgumentError(
      `convertPrediction: wanted output and x of one length, got ${output.length} and ${x.length}`,
    );
  }
  const converted = output.slice() as A;
  if (from === to) return converted;
  const target = trainingTarget(to, at);
  const x0 = target.x0 === 0 ? undefined : predictedX0(from, at);
  const epsilon = target.noise === 0 ? undefined : predictedEpsilon(from, at);
  const value = (q: Quotient | undefined, i: number): number =>
    q === undefined ? 0 : (q.sample * x[i]! + q.output * output[i]!) / q.divisor;
  for (let i = 0; i < output.length; i++) {
    converted[i] = target.x0 * value(x0, i) + target.noise * value(epsilon, i);
  }
  return converted;
}
