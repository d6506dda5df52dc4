import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageDataset, memoryDataset } from '@immiscible/datasets';
import { streamNormal, streamUniform } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { type Overrides, temporaryFolder, testDevice, tinyRun } from '../test/tiny.ts';
import { BatchSource } from './batches.ts';
import { checkpointPath, readLatestCheckpoint } from './checkpoint.ts';
import { parseCompareConfig, type RunConfig } from './config.ts';
import { CheckpointError, ConfigError } from './errors.ts';
import { objectiveOf } from './objectives/objective-of.ts';
import { layoutOf, trainStepOf } from './parts.ts';
import { TrainingRun } from './run.ts';
import { streamOf } from './streams.ts';

const D = 64;
const COUNT = 32;
const opened = testDevice();

/** A set that is gone through soon: 32 images. */
const dataset: ImageDataset = memoryDataset({
  name: 'thirty-two images',
  images: Uint8Array.from(streamUniform(3, 0, new Float32Array(COUNT * D)), (value) =>
    Math.floor(256 * value),
  ),
  channels: 1,
  height: 8,
  width: 8,
  provenance: { source: 'this test', hashes: {}, operations: [] },
});

function configOf(assignment: Overrides, training: Overrides = {}): RunConfig {
  return tinyRun({
    assignment: { precision: 'f32', storedSeeds: 1, ...assignment },
    training: { batchSize: 8, flip: false, steps: 10, ...training },
  });
}

function sourceOf(config: RunConfig): BatchSource {
  return new BatchSource(config, dataset, objectiveOf(config));
}

/** Image and noise of one sample of a batch. */
type Sample = readonly [image: string, noise: string];

/** Samples of an epoch, and the mean distance between image and noise. */
async function epoch(source: BatchSource): Promise<{ samples: Sample[]; distance: number }> {
  const samples: Sample[] = [];
  let distance = 0;
  for (let b = 0; b < COUNT / 8; b++) {
    const { batch } = await source.next();
    const [x0, noise] = [await batch.x0.data(), await batch.noise.data()];
    for (let i = 0; i < 8; i++) {
      const [x, n] = [x0, noise].map((values) => Array.from(values.subarray(i * D, (i + 1) * D)));
      distance += Math.hypot(...x!.map((value, d) => value - n![d]!)) / COUNT;
      samples.push([x!.join(), n!.join()]);
    }
  }
  return { samples, distance };
}

const byImage = (samples: readonly Sample[]): Sample[] => [...samples].sort();
const noises = (samples: readonly Sample[]): string[] => samples.map(([, noise]) => noise).sort();

describe('images that keep their seeds', () => {
  it('meet the same noise in every epoch until something is assigned', async () => {
    const source = sourceOf(configOf({ startStep: 100 }));
    const [first, second] = [await epoch(source), await epoch(source)];
    expect(first.samples).not.toEqual(second.samples); // another order
    expect(byImage(first.samples)).toEqual(byImage(second.samples));
    const streams = Array.from({ length: COUNT }, (_, slot) => streamOf('storedNoise', slot));
    const drawn = streams.map((stream) => streamNormal(7, stream, new Float32Array(D)).join());
    expect(noises(first.samples)).toEqual(drawn.sort());
    await source.close();
  });

  it('come nearer from epoch to epoch, which noise drawn anew does not, and lose none of it', async () => {
    const source = sourceOf(configOf({}));
    const epochs = [];
    for (let e = 0; e < 5; e++) epochs.push(await epoch(source));
    for (let e = 1; e < 5; e++) expect(epochs[e]!.distance).toBeLessThan(epochs[e - 1]!.distance);
    for (const { samples } of epochs) expect(noises(samples)).toEqual(noises(epochs[0]!.samples));
    await source.close();
  });

  it('take turns among several noises, epoch by epoch', async () => {
    const source = sourceOf(configOf({ storedSeeds: 2, startStep: 100 }));
    const epochs = [await epoch(source), await epoch(source), await epoch(source)];
    expect(byImage(epochs[2]!.samples)).toEqual(byImage(epochs[0]!.samples));
    const both = new Set([...noises(epochs[0]!.samples), ...noises(epochs[1]!.samples)]);
    expect(both.size).toBe(2 * COUNT);
    await source.close();
  });

  it('go on from where the batches that were taken left them, ahead or at once', async () => {
    const sources = [true, false].map((lookAhead) => sourceOf(configOf({ lookAhead, storedSeeds: 2 })));
    const [ahead, atOnce] = sources as [BatchSource, BatchSource];
    for (let e = 0; e < 3; e++) {
      expect(await epoch(ahead)).toEqual(await epoch(atOnce));
      expect(ahead.slots()).toEqual(atOnce.slots());
    }
    const [state, slots] = [ahead.state(), ahead.slots()];
    const following = await epoch(atOnce);
    expect(await epoch(ahead)).toEqual(following);
    expect(ahead.slots()).not.toEqual(slots);
    for (const source of sources) {
      source.restore(state, 12, slots);
      expect(source.slots()).toEqual(slots);
      expect(await epoch(source)).toEqual(following);
      await source.close();
    }
  });
});

describe('a run whose images keep their seeds', () => {
  const config = configOf({ storedSeeds: 1 });

  it('is resumed to the numbers and the seeds of one that was never stopped', async () => {
    const trainStep = trainStepOf(opened.device, config);
    const outcome = async (stops: readonly number[]): Promise<object> => {
      const folder = await temporaryFolder();
      const steps: unknown[] = [];
      for (const until of [...stops, 10]) {
        const run = await TrainingRun.open(config, { folder, device: opened.device, dataset, trainStep });
        while (run.progress.step < until) {
          const { numbers, distanceChange } = await run.step();
          steps.push({ numbers, distanceChange });
        }
        await run.checkpoint();
        await run.close();
      }
      const read = await readLatestCheckpoint(folder, layoutOf(config), { slots: true });
      return { steps, slots: Array.from(read?.slots ?? []) };
    };
    const whole = await outcome([]);
    expect(whole).toHaveProperty('slots.length', COUNT);
    expect(await outcome([3, 5])).toEqual(whole);
    await trainStep.dispose();
  });

  it('says so where a checkpoint has lost them', async () => {
    const folder = await temporaryFolder();
    const run = await TrainingRun.create(config, { folder, device: opened.device, dataset });
    await run.checkpoint();
    await run.close();
    await rm(join(checkpointPath(folder, 0), 'trainer', 'seeds.safetensors'));
    const resumed = TrainingRun.resume({ folder, device: opened.device, dataset });
    await expect(resumed).rejects.toThrow(CheckpointError);
    await expect(resumed).rejects.toThrow(/is damaged: .*seeds\.safetensors cannot be read/);
  });
});

it('is refused with what it cannot go with, in runs and in arms', () => {
  const wanted = /assignment\.storedSeeds: wants method linear/;
  expect(() => configOf({ method: 'identity' })).toThrow(wanted);
  expect(() => configOf({ pool: 'update' })).toThrow(ConfigError);
  const { assignment, ...rest } = configOf({});
  const arms = [{ name: 'kept', assignment: { ...assignment, method: 'nearest' } }];
  expect(() => parseCompareConfig({ ...rest, arms })).toThrow(/arms\.0\.assignment\.storedSeeds/);
});
