/** A sampler for a pipeline, and its progress: what `sample` and `evaluate` share. */
import { type SchedulerConfig } from '@immiscible/schedulers';
import { type Device, disposeTree } from '@immiscible/tensor-core';
import {
  createSampler,
  type Pipeline,
  type SampleOptions,
  type Sampler,
  samplerOf,
} from '@immiscible/trainer';
import { UsageError } from './errors.ts';
import { plural } from './format.ts';
import { type Io } from './io.ts';
import { createDisplay } from './progress/display.ts';

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
