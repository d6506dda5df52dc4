/**
 * Images from a trained model: DDIM or DDPM from noise that depends on each sample's seed alone.
 */
import { streamNormal } from '@immiscible/random';
import {
  asScheduler,
  noisePerSample,
  NoiseSchedule,
  sampleDdim,
  sampleDdpm,
  type SchedulerConfig,
} from '@immiscible/schedulers';
import { type Device, type Tensor, tensor, type Tree } from '@immiscible/tensor-core';
import { type Unet2dConfig } from '@immiscible/models';
import { TrainerError } from './errors.ts';
import { type Tensors } from './optim/adam.ts';
import { type ApplyModel } from './step.ts';
import { streamOf } from './streams.ts';

export interface SampleOptions {
  readonly sampler?: 'ddim' | 'ddpm';
  /** sampling steps */
  readonly steps: number;
  /** one image each; whole numbers from 0 */
  readonly seeds: readonly number[];
  /** class of each image, for a model with classes */
  readonly labels?: readonly number[];
  /** 0 (default): deterministic; 1: as much noise as DDPM */
  readonly eta?: number;
  /** Stops between two steps; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each denoising step of each batch. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A compiled model that makes images, a fixed number at a time. */
export interface Sampler {
  readonly shape: readonly [number, number, number];
  /**
   * @param parameters the model's weights, on the device or the host
   * @throws TrainerError for labels that the model does not have; SchedulerArgumentError for a number of steps beyond the
   *   schedule's; SamplingError where the model's output is not finite
   * @returns [N, C, H, W] in [-1, 1], as the model's range is; not clipped beyond what the scheduler does
   */
  sample(parameters: Tensors, options: SampleOptions): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export interface SamplerOptions {
  readonly model: Unet2dConfig;
  readonly scheduler: SchedulerConfig;
  readonly apply: ApplyModel;
  /** height and width, where the model's config does not say */
  readonly size?: readonly [number, number];
  readonly batchSize: number;
}

/** The run's seed does not enter: a sample is the same in every run with the same weights. */
const SAMPLING_SEED = 0;

export function createSampler(device: Device, options: SamplerOptions): Sampler {
  const { model, scheduler, apply, batchSize } = options;
  const [h, w] = sizeOf(model, options.size);
  const shape = [model.in_channels, h, w] as const;
  const sampleSize = model.in_channels * h * w;
  const ddim = new NoiseSchedule(asScheduler(scheduler, 'DDIMScheduler'));
  const ddpm = new NoiseSchedule(asScheduler(scheduler, 'DDPMScheduler'));
  const denoise = device.compile(({ parameters, ...inputs }: DenoiseInputs) => ({
    output: apply(parameters, inputs),
  }));

  return {
    shape,
    async sample(parameters, { sampler = 'ddim', steps, seeds, labels, eta = 0, signal, onProgress }) {
      const classes = model.num_class_embeds;
      checkLabels(classes, labels, seeds.length);
      const images = new Float32Array(seeds.length * sampleSize);
      const batches = Math.ceil(seeds.length / batchSize);
      for (let b = 0; b < batches; b++) {
        // The last batch is filled up with its own last seed, so that the program is compiled once.
        const rows = Array.from({ length: batchSize }, (_, i) =>
          Math.min(b * batchSize + i, seeds.length - 1),
        );
        const x = new Float32Array(batchSize * sampleSize);
        rows.forEach((row, i) => {
          streamNormal(
            SAMPLING_SEED,
            streamOf('sampling', seeds[row]!),
            x.subarray(i * sampleSize, (i + 1) * sampleSize),
          );
        });
        const chosen = classes === null ? undefined : Int32Array.from(rows, (row) => labels![row]!);
        const run = {
          steps,
          x,
          denoise: async (xt: Float32Array, t: number): Promise<Float32Array> => {
            signal?.throwIfAborted();
            const { output } = await denoise({
              parameters,
              sample: tensor(xt, [batchSize, ...shape]),
              timestep: tensor(new Float32Array(batchSize).fill(t), [batchSize]),
              ...(chosen ? { labels: tensor(chosen, [batchSize]) } : {}),
            });
            const result = (await output.data()) as Float32Array;
            output.dispose();
            return result;
          },
          noise: noisePerSample(batchSize, (sample, step, out) => {
            const own = seeds[rows[sample]!]! * ddim.trainTimesteps + step;
            streamNormal(SAMPLING_SEED, streamOf('samplerNoise', own), out);
          }),
          onStep: ({ index }: { index: number }) => onProgress?.(b * steps + index + 1, batches * steps),
        };
        const made =
          sampler === 'ddim'
            ? await sampleDdim({ schedule: ddim, eta, ...run })
            : await sampleDdpm({ schedule: ddpm, ...run });
        const count = Math.min(batchSize, seeds.length - b * batchSize);
        images.set(made.subarray(0, count * sampleSize), b * batchSize * sampleSize);
      }
      return images;
    },
    dispose: () => denoise.dispose(),
  };
}

/** A type alias, not an interface: compiled functions take it as a tree. */
type DenoiseInputs = {
  parameters: Tensors;
  sample: Tensor;
  timestep: Tensor;
  labels?: Tensor;
} & Readonly<Record<string, Tree>>;

/** An index that the embedding does not have would silently be another class's. */
function checkLabels(classes: number | null, labels: readonly number[] | undefined, images: number): void {
  if (classes === null) {
    if (labels) throw new TrainerError('sample: the model has no classes; leave the labels out');
    return;
  }
  if (labels?.length !== images) {
    throw new TrainerError(
      `sample: the model has ${classes} classes, so every image wants a label; got ${labels?.length ?? 0} labels for ${images} seeds`,
    );
  }
  const wrong = labels.find((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new TrainerError(`sample: wants labels from 0 to ${classes - 1}, got ${wrong}`);
  }
}

function sizeOf(
  model: Unet2dConfig,
  given: readonly [number, number] | undefined,
): readonly [number, number] {
  const { sample_size: size } = model;
  if (size !== null) return typeof size === 'number' ? [size, size] : [size[0], size[1]];
  if (given) return given;
  throw new TrainerError('sample: the model config has no sample_size; say how large the images are to be');
}
