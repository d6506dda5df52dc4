/** Models of runs, measured anew at chosen numbers of sampling steps against the images that the runs were trained on. */
import { type Device } from '@immiscible/tensor-core';
import {
  makeReference,
  measureQuality,
  openFeatures,
  type Quality,
  readRunConfig,
  type Reference,
  type RunConfig,
} from '@immiscible/trainer';
import { interruptible } from '../interrupts.ts';
import { type Io } from '../io.ts';
import { openModel } from '../model-folder.ts';
import { checkSteps, labelsFor, samplingOf } from '../sampler-flags.ts';
import { comparableSize, withSampler } from '../sampling.ts';
import { openData } from '../session.ts';

export interface MeasuredRuns {
  /** by folder, then by number of sampling steps */
  readonly quality: ReadonlyMap<string, Readonly<Record<string, Quality>>>;
  readonly floor: Reference['floor'];
  readonly slicedFloor: number;
  readonly features: string;
  readonly dataset: string;
  readonly samples: number;
}

/**
 * @param settings what to measure with: the images, the features and how many samples
 * @param folders of runs, each measured at its newest checkpoint
 * @throws UsageError for a folder without a model, a model of images of another size, or a number of steps that its
 *   sampler cannot take
 */
export async function measureRuns(
  device: Device,
  io: Io,
  settings: Pick<RunConfig, 'data' | 'evaluation' | 'seed'>,
  folders: readonly string[],
  steps: readonly number[],
): Promise<MeasuredRuns> {
  const { data, evaluation, seed } = settings;
  const { samples, features, batchSize } = evaluation;
  const dataset = await openData(data, io);
  // All of them before the first is measured, which takes minutes.
  const runs = await Promise.all(
    folders.map(async (folder) => {
      const config = await readRunConfig(folder);
      const sampling = samplingOf(config, config, { guidance: 1 });
      for (const number of steps) checkSteps(sampling, number);
      const size = comparableSize(config.model, dataset, `leave ${folder} out`);
      return { folder, sampling, size };
    }),
  );
  const extractor = await openFeatures(device, features, dataset);
  try {
    const reference = await makeReference(dataset, extractor, { samples, seed });
    const seeds = Array.from({ length: samples }, (_, i) => i);
    const quality = new Map<string, Readonly<Record<string, Quality>>>();
    for (const { folder, sampling, size } of runs) {
      const { pipeline } = await openModel(folder);
      const { nullLabel } = sampling;
      const options = { batchSize: Math.min(batchSize, samples), size, nullLabel };
      const labels = labelsFor(pipeline.model, seeds, undefined, nullLabel);
      const measured = await withSampler({ device, pipeline, io }, options, async (make, shape) => {
        const found: Record<string, Quality> = {};
        for (const number of steps) {
          const images = await interruptible(io, (signal) =>
            make({ ...sampling.options, steps: number, seeds, ...labels }, signal),
          );
          found[number] = await measureQuality(reference, images, shape);
        }
        return found;
      });
      quality.set(folder, measured);
    }
    const { floor, slicedFloor } = reference;
    return { quality, floor, slicedFloor, features: extractor.name, dataset: dataset.name, samples };
  } finally {
    await extractor.dispose();
  }
}
