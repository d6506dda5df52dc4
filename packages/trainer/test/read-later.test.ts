/** Runs on a device that is waited for now and then only: the numbers come later, and are the same. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DivergedError } from '../src/errors.ts';
import { trainStepOf } from '../src/parts.ts';
import { type StepReport, TrainingRun } from '../src/run.ts';
import { type TrainStep } from '../src/step.ts';
import {
  openData,
  type Outcome,
  outcomeOf,
  sharedFolder,
  temporaryFolder,
  testDevice,
  tinyRun,
} from './tiny.ts';

const opened = testDevice();
const STEPS = 10;

async function train(run: TrainingRun, until = Infinity): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  while (!run.finished && run.progress.step < until) reports.push(await run.step());
  return reports;
}

describe('a run that reads every third step at the latest', () => {
  const config = tinyRun({ training: { steps: STEPS, accumulate: 2, batchSize: 8 }, logging: { every: 5 } });
  const shared = sharedFolder();
  let later: TrainStep;
  let expected: { outcome: Outcome; losses: number[] };
  const open = async (folder: string, trainStep?: TrainStep): Promise<TrainingRun> =>
    TrainingRun.open(config, {
      folder,
      device: opened.device,
      dataset: await openData(config),
      ...(trainStep ? { trainStep } : {}),
    });
  const numbersOf = (reports: readonly StepReport[]) => reports.flatMap(({ numbers }) => numbers);

  beforeAll(async () => {
    later = trainStepOf(opened.device, config, 3);
    const run = await open(shared.path);
    const reports = await train(run);
    await run.close();
    expect(reports.map(({ numbers }) => numbers.map(({ step }) => step))).toEqual(
      Array.from({ length: STEPS }, (_, i) => [i + 1]),
    );
    expected = {
      outcome: await outcomeOf(shared.path, STEPS),
      losses: numbersOf(reports).map(({ loss }) => loss),
    };
  });
  afterAll(() => later.dispose());

  it('has the losses, log and bytes of one that reads every step', async () => {
    const folder = await temporaryFolder();
    const run = await open(folder, later);
    const reports = await train(run);
    await run.close();
    const steps = reports.map(({ numbers }) => numbers.map(({ step }) => step));
    // After every third step, and where the log wants a line.
    expect(steps).toEqual([[], [], [1, 2, 3], [], [4, 5], [], [], [6, 7, 8], [], [9, 10]]);
    expect(numbersOf(reports).map(({ loss }) => loss)).toEqual(expected.losses);
    expect(await outcomeOf(folder, STEPS)).toEqual(expected.outcome);
  });

  it('loses nothing when it is stopped between two reads', async () => {
    const folder = await temporaryFolder();
    const losses: number[] = [];
    for (const stop of [1, 4, STEPS]) {
      const run = await open(folder, later);
      losses.push(...numbersOf(await train(run, stop)).map(({ loss }) => loss));
      await run.checkpoint();
      losses.push(...(await run.read()).map(({ loss }) => loss));
      await run.close();
    }
    expect(losses).toEqual(expected.losses);
    expect(await outcomeOf(folder, STEPS)).toEqual(expected.outcome);
  });

  it('leaves nothing on the device', async () => {
    const before = opened.device.liveBuffers();
    const run = await open(await temporaryFolder(), later);
    await train(run, 2);
    await run.close();
    expect(opened.device.liveBuffers()).toEqual(before);
  });
});

describe('a run that diverges between two reads', () => {
  it('says at which step, once it reads, and writes no checkpoint', async () => {
    const config = tinyRun({ optimizer: { learningRate: 1e38 }, logging: { every: 4 } });
    const trainStep = trainStepOf(opened.device, config, 8);
    const run = await TrainingRun.create(config, {
      folder: await temporaryFolder(),
      device: opened.device,
      dataset: await openData(config),
      trainStep,
    });
    await train(run, 3);
    const message = /^step 2: the loss is (NaN|Infinity) .* lower the learning rate/;
    await expect(run.checkpoint()).rejects.toThrow(DivergedError);
    await expect(run.checkpoint()).rejects.toThrow(message);
    await expect(run.step()).rejects.toThrow(message);
    await run.close();
    await trainStep.dispose();
  });
});
