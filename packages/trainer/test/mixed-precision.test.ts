/** Runs whose network computes in float16: how far from float32, what overflows do, and that they resume. */
import { toFloat16, fromFloat16 } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readLatestCheckpoint } from '../src/checkpoint.ts';
import { type RunConfig } from '../src/config.ts';
import { DivergedError, TrainerError } from '../src/errors.ts';
import { optimizerScalars } from '../src/optim/optimizer.ts';
import { layoutOf, startOf, trainStepOf } from '../src/parts.ts';
import { readLog } from '../src/run-log.ts';
import { TrainingRun } from '../src/run.ts';
import { type StepNumbers } from '../src/step-numbers.ts';
import { type TrainStep } from '../src/step.ts';
import {
  digest,
  openData,
  type Outcome,
  outcomeOf,
  richModel,
  sharedFolder,
  temporaryFolder,
  testDevice,
  tinyRun,
} from './tiny.ts';

const opened = testDevice();
const STEPS = 8;

/** Overflows in its first steps: gradients of the tiny network times 2^30 are beyond float16. */
const overflowing = tinyRun({
  precision: 'f16',
  model: richModel,
  training: { steps: STEPS, lossScale: { initial: 2 ** 30, backoff: 2 ** -6, interval: 2 } },
  logging: { every: 1 },
});

async function train(run: TrainingRun, until = Infinity): Promise<StepNumbers[]> {
  const numbers: StepNumbers[] = [];
  while (!run.finished && run.progress.step < until) numbers.push(...(await run.step()).numbers);
  return numbers;
}

async function create(config: RunConfig, folder: string, trainStep?: TrainStep): Promise<TrainingRun> {
  const dataset = await openData(config);
  const shared = trainStep ? { trainStep } : {};
  return TrainingRun.create(config, { folder, device: opened.device, dataset, ...shared });
}

async function firstWeights(run: TrainingRun): Promise<string> {
  return digest(await (await run.averagedParameters())['conv_in.weight']!.data());
}

describe('a run in float16', () => {
  it('follows the one in float32, on weights that are float32', async () => {
    const losses: number[][] = [];
    const norms: number[][] = [];
    for (const precision of ['f32', 'f16']) {
      const config = tinyRun({ precision, model: richModel });
      const folder = await temporaryFolder();
      const run = await create(config, folder);
      const numbers = await train(run);
      losses.push(numbers.map(({ loss }) => loss));
      norms.push(numbers.map(({ gradientNorm }) => gradientNorm));
      const { state } = (await readLatestCheckpoint(folder, layoutOf(config)))!;
      const weights = [...(await state.parameters.data())];
      expect(weights.some((weight) => fromFloat16(toFloat16(weight)) !== weight)).toBe(true);
      expect((await readLog(folder)).at(-1)).toMatchObject(
        precision === 'f16' ? { lossScale: 65536, skippedSteps: 0 } : { step: 8 },
      );
      await run.close();
    }
    const apart = (a: number[], b: number[]): number =>
      Math.max(...a.map((value, i) => Math.abs(value / b[i]! - 1)));
    expect(apart(losses[1]!, losses[0]!)).toBeLessThan(5e-3);
    expect(apart(norms[1]!, norms[0]!)).toBeLessThan(2e-2);
    expect(losses[1]).not.toEqual(losses[0]);
  });

  it('ends where no scale helps', async () => {
    const config = tinyRun({
      precision: 'f16',
      optimizer: { learningRate: 1e30 },
      training: { lossScale: { initial: 4, floor: 1 } },
    });
    const run = await create(config, await temporaryFolder());
    await expect(train(run)).rejects.toThrow(DivergedError);
    await expect(run.step()).rejects.toThrow(
      /^step 4: the loss is NaN .* at a loss scale of 1, after 2 steps were left out; the first gradient/,
    );
    await expect(run.checkpoint()).rejects.toThrow(DivergedError);
    await run.close();
  });

  it('wants a state with a loss scale', async () => {
    const step = trainStepOf(opened.device, overflowing);
    const state = await startOf(tinyRun({ model: richModel }));
    const batch = {} as Parameters<typeof step.run>[1][number];
    const scalars = { ...optimizerScalars(overflowing.optimizer, 1, 1), step: 1, emaRate: 1 };
    await expect(step.run(state, [batch], scalars)).rejects.toThrow(TrainerError);
    await expect(step.run(state, [batch], scalars)).rejects.toThrow('a state without a loss scale');
    await step.dispose();
  });
});

describe('a run in float16 that overflows', () => {
  const shared = sharedFolder();
  let trainStep: TrainStep;
  let expected: { numbers: StepNumbers[]; outcome: Outcome };
  beforeAll(async () => {
    trainStep = trainStepOf(opened.device, overflowing);
    const run = await create(overflowing, shared.path, trainStep);
    const numbers = await train(run);
    await run.close();
    expected = { numbers, outcome: await outcomeOf(shared.path, STEPS) };
  });
  afterAll(() => trainStep.dispose());

  it('leaves out steps that overflow, finds its scale, and says so', async () => {
    const folder = await temporaryFolder();
    const run = await create(overflowing, folder, trainStep);
    const before = await firstWeights(run);
    const [first] = (await run.step()).numbers;
    expect(first!.scaling).toEqual({ lossScale: 2 ** 30, skippedSteps: 1, skipped: true });
    expect(Number.isFinite(first!.loss), 'it was the gradient that overflowed').toBe(true);
    expect(await readLog(folder), 'no line before a step is taken').toEqual([]);
    const rest = await train(run);
    const skipped = rest.filter(({ scaling }) => scaling!.skipped).length + 1;
    expect(skipped).toBeLessThan(4);
    const log = await readLog(folder);
    expect(log.at(-1)).toMatchObject({ step: STEPS, skippedSteps: skipped });
    expect(log.map(({ loss }) => Number.isFinite(loss))).toEqual(log.map(() => true));
    expect(await firstWeights(run)).not.toBe(before);
    await run.close();
  });

  it.each([1, 2, 3, 5])(
    'stopped after step %i, has the same scale, counters, log and bytes',
    async (stop) => {
      const folder = await temporaryFolder();
      const begun = await create(overflowing, folder, trainStep);
      const numbers = await train(begun, stop);
      await begun.checkpoint();
      await begun.close();
      const dataset = await openData(overflowing);
      const run = await TrainingRun.resume({ folder, device: opened.device, dataset, trainStep });
      expect([...numbers, ...(await train(run))]).toEqual(expected.numbers);
      await run.close();
      expect(await outcomeOf(folder, STEPS)).toEqual(expected.outcome);
    },
  );
});
