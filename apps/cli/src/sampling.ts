/** A sampler for a pipeline, and its progress: what `sample` and `evaluate` share. */
import { type Unet2dConfig } from '@immiscible/models';
import { type Device, disposeTree } from '@immiscible/tensor-core';
import { createSampler, modelOf, type Pipeline, type SampleOptions, type Sampler } from '@immiscible/trainer';
import { UsageError } from './errors.ts';
import { plural } from './format.ts';
import { type Io } from './io.ts';
import { createDisplay } from './progress/display.ts';

export interface SamplingOptions {
  /** images at a time */
  readonly batchSize: number;
  /** [height, width], where the model does not say */
  readonly size?: readonly [number, number] | undefined;
}

/** Makes images, [N, C, H, W] in [-1, 1]. */
export type MakeImages = (
  options: Omit<SampleOptions, 'onProgress' | 'signal'>,
  signal: AbortSignal,
) => Promise<Float32Array>;

/** Puts a pipeline on a device, shows progress on stderr while `work` makes images, and frees it. */
export async function withSampler<T>(
  { device, pipeline, io }: { device: Device; pipeline: Pipeline; io: Io },
  { batchSize, size }: SamplingOptions,
  work: (make: MakeImages, shape: Sampler['shape']) => Promise<T>,
): Promise<T> {
  const { model, scheduler } = pipeline;
  if (model.sample_size === null && size === undefined) {
    throw new UsageError(
      'the config of the model has no sample_size; say how large images are with --size 32',
    );
  }
  const sampler = createSampler(device, {
    model,
    scheduler,
    apply: modelOf({ model }),
    ...(size ? { size } : {}),
    batchSize,
  });
  const parameters = await device.put(pipeline.parameters);
  const display = createDisplay(io, []);
  try {
    return await work((options, signal) => {
      const began = performance.now();
      const text = `${plural(options.seeds.length, 'image')} with ${plural(options.steps, 'step')}`;
      return sampler.sample(parameters, {
        ...options,
        signal,
        onProgress: (done, total) =>
          display.activity(text, done, total, (((performance.now() - began) / 1000) * (total - done)) / done),
      });
    }, sampler.shape);
  } finally {
    display.stop();
    disposeTree(parameters);
    await sampler.dispose();
  }
}

/**
 * A label for each seed, for a model with classes.
 *
 * @param given labels in turn; every class in turn where omitted
 * @throws UsageError for a label that the model does not have
 */
export function labelsFor(
  { num_class_embeds: classes }: Unet2dConfig,
  seeds: readonly number[],
  given: readonly number[] | undefined,
): { labels?: readonly number[] } {
  if (classes === null) {
    if (given) throw new UsageError('--labels: the model has no classes; leave the option out');
    return {};
  }
  const wrong = given?.find((label) => label >= classes);
  if (wrong !== undefined)
    throw new UsageError(`--labels: the model has classes 0 to ${classes - 1}, got ${wrong}`);
  return { labels: seeds.map((seed, i) => (given ? given[i % given.length]! : seed % classes)) };
}

/** Checks a number of sampling steps against the schedule. @throws UsageError */
export function checkSamplingSteps({ scheduler }: Pipeline, steps: readonly number[]): void {
  const most = scheduler.num_train_timesteps;
  const wrong = steps.find((value) => value > most);
  if (wrong !== undefined) throw new UsageError(`--steps: the schedule has ${most} timesteps, got ${wrong}`);
}
