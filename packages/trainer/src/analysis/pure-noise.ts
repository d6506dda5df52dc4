/**
 * What a network makes of pure noise in one step (the paper's figure 3, section 3.3): at t = T a miscible model can say no
 * more than the mean of all images (eq. 3), an immiscible one the mean of those that such noise was paired with (eq. 8).
 */
import {
  type BetaConfig,
  convertPrediction,
  hasBetas,
  NoiseSchedule,
  type SchedulerConfig,
} from '@immiscible/schedulers';
import { type Device, tensor } from '@immiscible/tensor-core';
import { TrainerError } from '../errors.ts';
import { type Pipeline } from '../pipeline-folder.ts';
import { createSampler } from '../sample.ts';
import { type PlainInputs, plainOutput } from '../sampling/classes.ts';
import { startingNoise } from '../sampling/starts.ts';

export interface PureNoiseOptions {
  /** one row each: whole numbers from 0; the noise that `sample` begins with for them */
  readonly seeds: readonly number[];
  /** sampling steps of the samples that the one-step images are held against; default 20 */
  readonly steps?: number;
  /** class of each sample, for a model with classes */
  readonly labels?: readonly number[];
  /** height and width, where the model does not say */
  readonly size?: readonly [number, number];
  readonly signal?: AbortSignal;
}

/** Pictures are [N, C, H, W], one for each seed. */
export interface PureNoise {
  readonly shape: readonly [number, number, number];
  /** x_T ~ N(0, I) */
  readonly noise: Float32Array;
  /** ε̂(x_T, T), in the units of the noise */
  readonly predicted: Float32Array;
  /** x̂_0 from x_T in one step, within [-1, 1] */
  readonly image: Float32Array;
  /** what the same noise becomes in `steps` steps */
  readonly sample: Float32Array;
  readonly steps: number;
}

/** Numbers that say what the pictures show. */
export interface PureNoiseNumbers {
  /** root mean square of ε̂ − x_T: how far the network is from giving back what it was given */
  readonly correction: number;
  /** root mean square over seeds of a pixel about its mean over seeds: 0 where every noise becomes the same image */
  readonly spread: number;
  /**
   * correlation of the one-step images with the finished samples, both less their means over seeds: what the first step
   * knows of which image it will be
   */
  readonly agreement: number;
}

/**
 * Flow matching predicts v = ε − x_0, so that at t = 1, where x_t is all noise, ε̂ = x_T and x̂_0 = x_T − v̂: its image says all.
 *
 * @throws TrainerError for fewer than two seeds
 */
export async function denoisePureNoise(
  device: Device,
  { model, scheduler, parameters }: Pipeline,
  { seeds, steps = 20, labels, size, signal }: PureNoiseOptions,
): Promise<PureNoise> {
  if (seeds.length < 2) throw new TrainerError(`denoise: wants at least two seeds, got ${seeds.length}`);
  const sampler = createSampler(device, {
    model,
    scheduler,
    batchSize: seeds.length,
    ...(size ? { size } : {}),
  });
  try {
    const { shape } = sampler;
    const options = { seeds, ...(labels ? { labels } : {}), ...(signal ? { signal } : {}) };
    const noise = startingNoise(seeds, shape[0] * shape[1] * shape[2]);
    const { predicted, image } = hasBetas(scheduler)
      ? await throughNetwork(device, { model, scheduler, parameters }, noise, shape, labels)
      : fromOneStep(noise, await sampler.sample(parameters, { ...options, steps: 1 }), scheduler);
    const sample = await sampler.sample(parameters, { ...options, steps });
    return { shape, noise, predicted, image: clipped(image), sample: clipped(sample), steps };
  } finally {
    await sampler.dispose();
  }
}

interface OneStep {
  readonly predicted: Float32Array;
  readonly image: Float32Array;
}

/** ε̂ and x̂_0 at the last timestep, from what the network gives there. */
async function throughNetwork(
  device: Device,
  { model, scheduler, parameters }: Pipeline,
  noise: Float32Array,
  shape: PureNoise['shape'],
  labels: readonly number[] | undefined,
): Promise<OneStep> {
  const schedule = new NoiseSchedule(scheduler);
  const { prediction_type: prediction } = schedule.config;
  const t = schedule.trainTimesteps - 1;
  const alphaBar = schedule.alphasCumprod[t]!;
  const at = { alpha: Math.sqrt(alphaBar), sigma: Math.sqrt(1 - alphaBar) };
  const count = noise.length / (shape[0] * shape[1] * shape[2]);
  const network = device.compile((inputs: PlainInputs) => ({ output: plainOutput(model, inputs) }));
  try {
    const { output } = await network({
      parameters,
      sample: tensor(noise, [count, ...shape]),
      timestep: tensor(new Float32Array(count).fill(t), [count]),
      ...(labels ? { labels: tensor(Int32Array.from(labels), [count]) } : {}),
    });
    const data = (await output.data()) as Float32Array;
    output.dispose();
    return {
      predicted: convertPrediction(prediction, 'epsilon', data, noise, at),
      image: convertPrediction(prediction, 'sample', data, noise, at),
    };
  } finally {
    await network.dispose();
  }
}

/** x_T = σ_max·z and its denoised image D: ε̂ = (x_T − D)/σ_max. Of flow matching x_T = z, all noise: ε̂ = z. */
function fromOneStep(
  noise: Float32Array,
  image: Float32Array,
  scheduler: Exclude<SchedulerConfig, BetaConfig>,
): OneStep {
  if (scheduler._class_name === 'FlowMatchEulerDiscreteScheduler') return { predicted: noise.slice(), image };
  const sigma = scheduler.sigma_max;
  return { predicted: noise.map((z, i) => z - image[i]! / sigma), image };
}

function clipped(images: Float32Array): Float32Array {
  return images.map((value) => Math.min(1, Math.max(-1, value)));
}

/** What the pictures show, as numbers. */
export function pureNoiseNumbers({ noise, predicted, image, sample, shape }: PureNoise): PureNoiseNumbers {
  const count = shape[0] * shape[1] * shape[2];
  const square = noise.reduce((sum, x, i) => sum + (predicted[i]! - x) ** 2, 0);
  const [a, b] = [centred(image, count), centred(sample, count)];
  const dot = (x: Float64Array, y: Float64Array): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  const size = Math.sqrt(dot(a, a) * dot(b, b));
  return {
    correction: Math.sqrt(square / noise.length),
    spread: Math.sqrt(dot(a, a) / a.length),
    agreement: size === 0 ? 0 : dot(a, b) / size,
  };
}

/** Less the mean over seeds. */
function centred(images: Float32Array, count: number): Float64Array {
  const seeds = images.length / count;
  const mean = new Float64Array(count);
  images.forEach((value, i) => (mean[i % count]! += value / seeds));
  return Float64Array.from(images, (value, i) => value - mean[i % count]!);
}
