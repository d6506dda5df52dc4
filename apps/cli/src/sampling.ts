/** A sampler for a pipeline, and its progress: what `sample` and `evaluate` share. */
import { type ImageDataset } from '@immiscible/datasets';
import { type SchedulerConfig } from '@immiscible/schedulers';
import { type Device, disposeTree } from '@immiscible/tensor-core';
import {
  createSampler,
  type Pipeline,
  type SampleOptions,
  type Sampler,
  samplerOf,
  sampleShape,
} from '@immiscible/trainer';
import { UsageError } from './errors.ts';
import { plural } from './format.ts';
import { type Io } from './io.ts';
import { createDisplay } from './progress/display.ts';
import { imageSize } from './session.ts';

export interface SamplingOptions {
  /** images at a time */
  readonly batchSize: number;
  /** [height, width], where the model does not say */
  readonly size?: readonly [number, number] | undefined;
  /** the label that stands for no class, where the model has one */
  readonly nullLabel?: number | undefined;
}

/** Makes images, [N, C, H, W] in [-1, 1]. */
export type MakeImages = (
  options: Omit<SampleOptions, 'onProgress' | 'signal'> & {
    readonly sampler: SchedulerConfig;
    readonly steps: number;
  },
  signal: AbortSignal,
) => Promise<Float32Array>;

/**
 * The size at which a model's images can be held against real ones: theirs, unless the model has its own.
 *
 * @param remedy what to do where they differ
 * @throws UsageError where the model makes images of another size, or of other channels
 */
export function comparableSize(
  model: Pipeline['model'],
  real: ImageDataset,
  remedy: string,
): readonly [number, number] {
  const size = [real.height, real.width] as const;
  const [channels, height, width] = sampleShape(model, model.sample_size === null ? size : undefined);
  if (channels !== real.channels || height !== size[0] || width !== size[1]) {
    throw new UsageError(
      `the model makes images of ${imageSize({ channels, height, width })}, the real ones are ${imageSize(real)}; ${remedy}`,
    );
  }
  return size;
}

/** Puts a pipeline on a device, shows progress on stderr while `work` makes images, and frees it. */
export async function withSampler<T>(
  { device, pipeline, io }: { device: Device; pipeline: Pipeline; io: Io },
  { batchSize, size, nullLabel }: SamplingOptions,
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
    ...(size ? { size } : {}),
    batchSize,
    nullLabel,
  });
  const parameters = await device.put(pipeline.parameters);
  const display = createDisplay(io, []);
  try {
    return await work((options, signal) => {
      const began = performance.now();
      const { seeds, sampler: scheduler, steps } = options;
      const text = `${plural(seeds.length, 'image')} with ${samplerOf(scheduler)}, ${plural(steps, 'step')}`;
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
