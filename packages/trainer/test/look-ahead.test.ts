/** Batches that are prepared during the steps before change no number: not of a batch, not of a run, not of a resumed one. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ImageDataset } from '@immiscible/datasets';
import { describe, expect, it } from 'vitest';
import { BatchSource, type PreparedBatch } from '../src/batches.ts';
import { checkpointPath } from '../src/checkpoint.ts';
import { type RunConfig } from '../src/config.ts';
import { TrainerError } from '../src/errors.ts';
import { objectiveOf } from '../src/objectives/objective-of.ts';
import { trainStepOf } from '../src/parts.ts';
import { TrainingRun } from '../src/run.ts';
import { type TrainStep } from '../src/step.ts';
import { digest, openData, type Overrides, richModel, temporaryFolder, testDevice, tinyRun } from './tiny.ts';

const opened = testDevice();

function configOf(assignment: Overrides, training: Overrides = {}): RunConfig {
  return tinyRun({ model: richModel, assignment: { precision: 'f32', ...assignment }, training });
}

async function sourceOf(config: RunConfig, dataset?: ImageDataset): Promise<BatchSource> {
  return new BatchSource(config, dataset ?? (await openData(config)), objectiveOf(config));
}

async function digests({ batch, images, distanceChange }: PreparedBatch): Promise<object> {
  const entries = Object.entries(batch).map(async ([name, x]) => [name, digest(await x.data())] as const);
  return { ...Object.fromEntries(await Promise.all(entries)), images, distanceChange };
}

/** The next batches, each with the state after it. */
async function take(source: BatchSource, count: number): Promise<object[]> {
  const taken: object[] = [];
  for (let i = 0; i < count; i++)
    taken.push({ ...(await digests(await source.next())), state: source.state() });
  return taken;
}

describe('batches that were prepared ahead', () => {
  it.each<[Overrides, Overrides]>([
    [{ method: 'linear', precision: 'f16' }, {}],
    [{ method: 'nearest', k: 3 }, {}],
    [{ method: 'flipped' }, { accumulate: 2 }],
    [
      { method: 'linear', pool: 'update' },
      { accumulate: 3, batchSize: 8 },
    ],
    [
      { method: 'linear', startStep: 2 },
      { accumulate: 2, batchSize: 8 },
    ],
    [{ method: 'identity' }, {}],
  ])('are those that are prepared when they are wanted: %j, %j', async (assignment, training) => {
    const ahead = await sourceOf(configOf({ ...assignment, lookAhead: true }, training));
    const atOnce = await sourceOf(configOf({ ...assignment, lookAhead: false }, training));
    expect(await take(ahead, 6)).toEqual(await take(atOnce, 6));
    // And again from a state, while later batches are on their way.
    for (const source of [ahead, atOnce]) source.restore({ epoch: 1, position: 9984 }, 4);
    expect(await take(ahead, 6)).toEqual(await take(atOnce, 6));
    await ahead.close();
    await atOnce.close();
  });

  it('say how long loading and assigning took, and how long the step waited', async () => {
    for (const lookAhead of [true, false]) {
      const source = await sourceOf(configOf({ lookAhead }));
      const { milliseconds } = await source.next();
      expect(milliseconds.load).toBeGreaterThan(0);
      expect(milliseconds.assign).toBeGreaterThan(0);
      expect(milliseconds.wait).toBeGreaterThan(0);
      await source.close();
    }
  });

  it('end with the source, and with an error at the batch that has it', async () => {
    for (const lookAhead of [true, false]) {
      const config = configOf({ lookAhead }, { flip: false });
      const whole = await openData(config);
      let reads = 0;
      const { name, length, channels, height, width, provenance } = whole;
      const spoilt: ImageDataset = {
        name,
        length,
        channels,
        height,
        width,
        provenance,
        label: (index) => whole.label(index),
        readInto: async (index, out, at) => {
          if (++reads === 29) throw new RangeError('this image cannot be read'); // one of the second batch
          await whole.readInto(index, out, at);
        },
      };
      const source = await sourceOf(config, spoilt);
      await source.next();
      const state = source.state();
      await expect(source.next()).rejects.toThrow('this image cannot be read');
      await expect(source.next()).rejects.toThrow(TrainerError);
      expect(source.state()).toEqual(state);
      source.restore(state, 1);
      await source.next();
      await source.close();
      await expect(source.next()).rejects.toThrow(/continue from a checkpoint/);
    }
  });
});

describe('assignment over the micro-batches of an update', () => {
  it('brings noise nearer than assignment in each, and moves the same noises', async () => {
    const training = { accumulate: 4, batchSize: 8 };
    const prepared = async (pool: string): Promise<PreparedBatch[]> => {
      const source = await sourceOf(configOf({ pool }, training));
      const all = [await source.next(), await source.next(), await source.next(), await source.next()];
      await source.close();
      return all;
    };
    const [apart, together] = [await prepared('batch'), await prepared('update')];
    const mean = (batches: PreparedBatch[]): number =>
      batches.reduce((sum, { distanceChange }) => sum + distanceChange, 0) / batches.length;
    expect(mean(together)).toBeLessThan(mean(apart));
    const noises = async (batches: PreparedBatch[]): Promise<number[]> => {
      const data = await Promise.all(batches.map(({ batch }) => batch.noise.data()));
      return data.flatMap((values) => [...values]).sort((a, b) => a - b);
    };
    expect(await noises(together)).toEqual(await noises(apart));
    for (const [i, { batch }] of together.entries()) {
      expect(batch.noise.shape).toEqual([8, 1, 8, 8]);
      expect(await batch.x0.data()).toEqual(await apart[i]!.batch.x0.data());
    }
  });
});

describe('assignment from a step on', () => {
  it('leaves the noise of the updates before as it was drawn', async () => {
    const training = { accumulate: 2, batchSize: 8 };
    const changes = async (source: BatchSource, count: number): Promise<boolean[]> => {
      const nearer: boolean[] = [];
      for (let i = 0; i < count; i++) nearer.push((await source.next()).distanceChange < 0);
      await source.close();
      return nearer;
    };
    const source = await sourceOf(configOf({ startStep: 2 }, training));
    expect(await changes(source, 6)).toEqual([false, false, false, false, true, true]);
    source.restore({ epoch: 0, position: 16 }, 1);
    expect(await changes(source, 4)).toEqual([false, false, true, true]);
  });
});

describe('a run with batches prepared ahead', () => {
  const STEPS = 5;

  /** Losses and the bytes of its last checkpoint, stopped and resumed after every step of `stops`. */
  async function outcome(
    config: RunConfig,
    trainStep: TrainStep,
    stops: readonly number[] = [],
  ): Promise<object> {
    const folder = await temporaryFolder();
    const losses: unknown[] = [];
    for (const until of [...stops, STEPS]) {
      const dataset = await openData(config);
      const run = await TrainingRun.open(config, {
        folder,
        device: opened.device,
        dataset,
        trainStep,
      });
      while (run.progress.step < until) {
        const { numbers, distanceChange } = await run.step();
        losses.push({ numbers, distanceChange });
      }
      losses.push(await run.read());
      await run.checkpoint();
      await run.close();
    }
    const files = ['unet/diffusion_pytorch_model.safetensors', 'trainer/secondMoments.safetensors'];
    const bytes = await Promise.all(
      files.map(async (file) => digest(await readFile(join(checkpointPath(folder, STEPS), file)))),
    );
    return { losses: losses.flat().filter((entry) => JSON.stringify(entry) !== '[]'), bytes };
  }

  it('has the numbers of one that prepares them when it wants them, stopped or not', async () => {
    const config = (lookAhead: boolean): RunConfig =>
      tinyRun({
        training: { steps: STEPS, batchSize: 8, accumulate: 2 },
        assignment: { lookAhead, pool: 'update', startStep: 1 },
        logging: { every: 1 },
      });
    const trainStep = trainStepOf(opened.device, config(true));
    const expected = await outcome(config(false), trainStep);
    expect(await outcome(config(true), trainStep)).toEqual(expected);
    expect(await outcome(config(true), trainStep, [1, 2, 4])).toEqual(expected);
    await trainStep.dispose();
  });
});
