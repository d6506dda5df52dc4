/**
 * One sampler step as numbers: every sampler here answers with a `SamplerStep`, which a device can turn into a few
 * elementwise operations (`linearStep`) and which `applyStep` carries out on plain arrays.
 *
 *   x̂_0 = clip((x0.sample·x_t + x0.output·out) / x0.divisor), see dynamic-threshold.ts
 *   ε̂ = (epsilon.sample·x_t + epsilon.output·out) / epsilon.divisor
 *   x_prev = previous.x0·x̂_0 + previous.epsilon·ε̂ + previous.sample·x_t + previous.noise·z,   z ~ N(0, I)
 */
import { type Clip, clipX0 } from './dynamic-threshold.ts';
import { SchedulerArgumentError } from './errors.ts';
import { type Quotient } from './prediction.ts';

/** The coefficients of one step from `timestep` to `previousTimestep`; see the formulas at the head of this file. */
export interface SamplerStep {
  readonly timestep: number;
  /** negative where the step ends at the image itself */
  readonly previousTimestep: number;
  readonly x0: Quotient;
  /** x̂_0 is clamped to [−clip, clip], or thresholded; null: neither */
  readonly clip: Clip | null;
  readonly epsilon: Quotient;
  readonly previous: {
    readonly x0: number;
    readonly epsilon: number;
    readonly sample: number;
    readonly noise: number;
  };
}

/**
 * The same step multiplied out, for a device. Without a clip:
 *   x_prev = sample·x_t + output·out + noise·z,   and x̂_0 (for previews) = x0.sample·x_t + x0.output·out.
 * With a clip, x̂_0 = clamp(x0.sample·x_t + x0.output·out, ±clip), and x_prev gets clippedX0·x̂_0 more.
 */
export interface LinearStep {
  readonly timestep: number;
  readonly previousTimestep: number;
  readonly sample: number;
  readonly output: number;
  readonly noise: number;
  readonly x0: { readonly sample: number; readonly output: number };
  readonly clip: number | null;
  /** 0 where there is no clip */
  readonly clippedX0: number;
}

/**
 * Multiplies a step out into the linear combination that `LinearStep` describes.
 *
 * @throws SchedulerArgumentError for dynamic thresholding, which divides by a quantile of each sample and is not linear
 */
export function linearStep(step: SamplerStep): LinearStep {
  const { x0, epsilon, previous, clip } = step;
  if (clip !== null && typeof clip !== 'number') {
    throw new SchedulerArgumentError(
      'linearStep: thresholding divides x0 by a quantile of each sample, which no linear step does; ' +
        'use applyStep, or a config with thresholding false',
    );
  }
  const unclipped = clip === null ? previous.x0 : 0;
  const a = previous.epsilon / epsilon.divisor;
  const b = unclipped / x0.divisor;
  return {
    timestep: step.timestep,
    previousTimestep: step.previousTimestep,
    sample: previous.sample + a * epsilon.sample + b * x0.sample,
    output: a * epsilon.output + b * x0.output,
    noise: previous.noise,
    x0: { sample: x0.sample / x0.divisor, output: x0.output / x0.divisor },
    clip,
    clippedX0: clip === null ? 0 : previous.x0,
  };
}

/** What a step gives: x at the previous timestep, and the (clipped) prediction of x_0 that it went through. */
export interface StepResult {
  readonly x: Float32Array;
  readonly x0: Float32Array;
}

/**
 * Carries a step out on the host, in float32 with a rounding after each operation, in diffusers' order.
 *
 * @param x x_t, any shape flattened; not changed
 * @param modelOutput as many values
 * @param noise z, as many values; needed where `step.previous.noise` is not 0
 * @param samples how many samples x holds, one after another; needed where the step thresholds x̂_0
 * @throws SchedulerArgumentError if lengths differ, or the noise or the number of samples is missing
 */
export function applyStep(
  step: SamplerStep,
  x: Float32Array,
  modelOutput: Float32Array,
  noise?: Float32Array,
  samples?: number,
): StepResult {
  const n = x.length;
  const weights = step.previous;
  if (modelOutput.length !== n || (noise !== undefined && noise.length !== n)) {
    throw new SchedulerArgumentError(
      `applyStep: wanted x, model output and noise of one length, got ${n}, ${modelOutput.length} and ${noise?.length ?? 'none'}`,
    );
  }
  if (weights.noise !== 0 && noise === undefined) {
    throw new SchedulerArgumentError(
      `applyStep: the step from timestep ${step.timestep} adds noise, but none came; pass n(0, 1) values`,
    );
  }
  const f32 = Math.fround;
  const quotient = (q: Quotient, i: number): number =>
    f32(f32(f32(q.sample * x[i]!) + f32(q.output * modelOutput[i]!)) / q.divisor);
  const predicted = x.map((_, i) => quotient(step.x0, i));
  const x0 = clipX0(predicted, step.clip, samples);
  const next = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    let sum = f32(weights.x0 * x0[i]!);
    if (weights.epsilon !== 0) sum = f32(sum + f32(weights.epsilon * quotient(step.epsilon, i)));
    if (weights.sample !== 0) sum = f32(sum + f32(weights.sample * x[i]!));
    if (noise !== undefined) sum = f32(sum + f32(weights.noise * noise[i]!));
    next[i] = sum;
  }
  return { x: next, x0 };
}
