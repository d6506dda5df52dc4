/**
 * Samples from a trained model: any architecture, any scheduler that fits it, from noise that depends on each sample's seed
 * alone.
 */
import { type ModelConfig } from '@immiscible/models';
import { type Denoise, modelCalls, sampleWith, type SchedulerConfig } from '@immiscible/schedulers';
import { type Device, tensor } from '@immiscible/tensor-core';
import { SampleError } from './errors.ts';
import { type Tensors } from './optim/adam.ts';
import {
  checkGuidance,
  checkLabels,
  type Guidance,
  type GuidedInputs,
  guidedInputs,
  guidedOutput,
  type PlainInputs,
  plainOutput,
} from './sampling/classes.ts';
import { type SamplerName, schedulerFor, stepsOf, withChurn } from './sampling/samplers.ts';
import { addedNoise, type SampleStart, startingNoise } from './sampling/starts.ts';

export interface SampleOptions {
  /** A sampler that fits the model, or a whole config of one; default: the model's own scheduler. */
  readonly sampler?: SamplerName | SchedulerConfig;
  /** sampling steps; default: as many as `timesteps`, else `stepsOf` the scheduler */
  readonly steps?: number;
  /** Which timesteps to visit, falling, in place of the scheduler's spacing: of euler, heun, dpm++ and cm. */
  readonly timesteps?: readonly number[];
  /** one sample each: whole numbers from 0, or points between two */
  readonly seeds: readonly SampleStart[];
  /** class of each sample, for a model with classes */
  readonly labels?: readonly number[];
  /** classifier-free guidance, from 0; 1 (default) is none. It wants a sampler with a `nullLabel` */
  readonly guidance?: number;
  /** of ddim: 0 (default) is deterministic, 1 adds as much noise as DDPM */
  readonly eta?: number;
  /** of edm: S_churn in place of the scheduler's */
  readonly churn?: number;
  /** Stops between two calls of the model; the promise is then rejected with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called after each call of the model. */
  readonly onProgress?: (done: number, total: number) => void;
  /**
   * Called, and awaited, with the samples of each batch as soon as they are made.
   *
   * @param samples [n, C, H, W]
   * @param first index of the first of them
   */
  readonly onBatch?: (samples: Float32Array, first: number) => void | Promise<void>;
}

/** A compiled model that makes samples, a fixed number at a time. */
export interface Sampler {
  readonly shape: readonly [number, number, number];
  /**
   * @param parameters the model's weights, on the device or the host
   * @throws SampleError for a sampler, a label or a setting that does not fit the model; SchedulerArgumentError for a number
   *   of steps that the scheduler cannot take; SamplingError where the model's output is not finite
   * @returns [N, C, H, W] in [-1, 1], as the model's range is; not clipped beyond what the scheduler does
   */
  sample(parameters: Tensors, options: SampleOptions): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export interface SamplerOptions {
  readonly model: ModelConfig;
  /** what the model was trained with: it decides which samplers fit */
  readonly scheduler: SchedulerConfig;
  /** height and width, where the model's config does not say; if it does, the same */
  readonly size?: readonly [number, number];
  /** samples that go through the model at a time; with guidance each goes twice. It changes no sample */
  readonly batchSize: number;
  /** the label that stands for no class, where the model was trained with one */
  readonly nullLabel?: number | undefined;
}

export function createSampler(device: Device, options: SamplerOptions): Sampler {
  const { model, scheduler, batchSize, nullLabel } = options;
  const shape = sampleShape(model, options.size);
  const size = shape[0] * shape[1] * shape[2];
  const plain = device.compile((inputs: PlainInputs) => ({ output: plainOutput(model, inputs) }));
  const guided = device.compile((inputs: GuidedInputs) => ({ output: guidedOutput(model, inputs) }));

  /** The network for one batch: x and t become its output, with or without guidance. */
  function networkFor(
    parameters: Tensors,
    {
      labels,
      guidance,
    }: { readonly labels: Int32Array | undefined; readonly guidance: Guidance | undefined },
  ): Denoise {
    return async (x, t) => {
      const inputs: PlainInputs = {
        parameters,
        sample: tensor(x, [batchSize, ...shape]),
        timestep: tensor(new Float32Array(batchSize).fill(t), [batchSize]),
        ...(labels ? { labels: tensor(labels, [batchSize]) } : {}),
      };
      const { output } = guidance ? await guided(guidedInputs(inputs, guidance)) : await plain(inputs);
      const result = (await output.data()) as Float32Array;
      output.dispose();
      return result;
    };
  }

  return {
    shape,
    async sample(
      parameters,
      { sampler, seeds, labels, timesteps, eta, churn, signal, onProgress, onBatch, ...rest },
    ) {
      const config = withChurn(schedulerFor(scheduler, sampler), churn);
      const steps = rest.steps ?? timesteps?.length ?? stepsOf(config);
      checkLabels(model, labels, seeds.length);
      const guidance = checkGuidance(model, rest.guidance ?? 1, nullLabel);
      const batches = Math.ceil(seeds.length / batchSize);
      const calls = batches * modelCalls(config, steps);
      const samples = new Float32Array(seeds.length * size);
      let called = 0;
      for (let first = 0; first < seeds.length; first += batchSize) {
        // The last batch is filled up with its own last seed, so that the program is compiled once.
        const rows = Array.from({ length: batchSize }, (_, i) => Math.min(first + i, seeds.length - 1));
        const starts = rows.map((row) => seeds[row]!);
        const network = networkFor(parameters, {
          labels: labels && Int32Array.from(rows, (row) => labels[row]!),
          guidance,
        });
        const made = await sampleWith({
          config,
          steps,
          x: startingNoise(starts, size),
          samples: batchSize,
          noise: addedNoise(starts, size),
          ...(timesteps ? { timesteps } : {}),
          ...(eta === undefined ? {} : { eta }),
          denoise: async (x, t) => {
            signal?.throwIfAborted();
            const output = await network(x, t);
            called += 1;
            onProgress?.(called, calls);
            return output;
          },
        });
        const kept = made.subarray(0, Math.min(batchSize, seeds.length - first) * size);
        samples.set(kept, first * size);
        await onBatch?.(kept, first);
      }
      return samples;
    },
    async dispose() {
      await Promise.all([plain.dispose(), guided.dispose()]);
    },
  };
}

/**
 * [C, H, W] of a model's samples.
 *
 * @param given height and width, where the model's config does not say
 * @throws SampleError where neither says, and where they contradict each other
 */
export function sampleShape(
  { in_channels: channels, sample_size: size }: ModelConfig,
  given?: readonly [number, number],
): readonly [channels: number, height: number, width: number] {
  const own = typeof size === 'number' ? ([size, size] as const) : size;
  const sides = own ?? given;
  if (sides === undefined) {
    throw new SampleError('sample: the model config has no sample_size; say how large the images are to be');
  }
  if (given && (given[0] !== sides[0] || given[1] !== sides[1])) {
    throw new SampleError(
      `sample: the model's sample_size says ${sides.join('×')}, got size ${given.join('×')}; leave the size out`,
    );
  }
  return [channels, sides[0], sides[1]];
}
