/** Runs with a target network: it moves as it should, is part of a checkpoint, and costs a forward pass and no more. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { consistencyScales, risingSigmas } from '@immiscible/schedulers';
import { printGraph, stopGradient, type Tensor, valueAndGrad, zeros } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { BatchSource } from '../src/batches.ts';
import { checkpointPath, readLatestCheckpoint } from '../src/checkpoint.ts';
import { compare } from '../src/compare.ts';
import { type RunConfig } from '../src/config.ts';
import { CheckpointError, TrainerError } from '../src/errors.ts';
import { objectiveOf } from '../src/objectives/objective-of.ts';
import { type Tensors } from '../src/optim/adam.ts';
import { layoutOf, modelOf, startOf, trainStepOf } from '../src/parts.ts';
import { type StepReport, TrainingRun } from '../src/run.ts';
import { type StepBatch, type TrainStep } from '../src/step.ts';
import {
  digest,
  openData,
  outcomeOf,
  type Overrides,
  relativeError,
  richModel,
  temporaryFolder,
  testDevice,
  tinyComparison,
  tinyRun,
} from './tiny.ts';

const opened = testDevice();

const consistency: Overrides = {
  scheduler: { _class_name: 'CMStochasticIterativeScheduler' },
  objective: { kind: 'consistency-training', s1: 8, distance: { kind: 'pseudo-huber' } },
  optimizer: { type: 'radam' },
};
const STEPS = 8;

async function open(config: RunConfig, folder: string, trainStep?: TrainStep): Promise<TrainingRun> {
  const dataset = await openData(config);
  return TrainingRun.open(config, {
    folder,
    device: opened.device,
    dataset,
    ...(trainStep ? { trainStep } : {}),
  });
}

async function train(run: TrainingRun, until = STEPS): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  while (run.progress.step < until) reports.push(await run.step());
  return reports;
}

const lossesOf = (reports: readonly StepReport[]): number[] =>
  reports.flatMap(({ numbers }) => numbers.map(({ loss }) => loss));

function targetFile(folder: string, step: number): string {
  return join(checkpointPath(folder, step), 'trainer', 'target.safetensors');
}

describe.each([
  ['in float32', {}],
  ['in float16, over two micro-batches', { precision: 'f16', training: { accumulate: 2, batchSize: 8 } }],
] as const)('consistency training %s', (_, more) => {
  it('goes on from a checkpoint to the losses, weights and target of a run that was never stopped', async () => {
    const config = tinyRun({ ...consistency, model: richModel, ...more });
    const trainStep = trainStepOf(opened.device, config);
    const folders = [await temporaryFolder(), await temporaryFolder()] as const;
    const whole = await open(config, folders[0], trainStep);
    const expected = lossesOf(await train(whole));
    await whole.close();

    const begun = await open(config, folders[1], trainStep);
    const losses = lossesOf(await train(begun, 3));
    await begun.checkpoint();
    await begun.close();
    const resumed = await open(config, folders[1], trainStep);
    expect(resumed.progress.step).toBe(3);
    losses.push(...lossesOf(await train(resumed)));
    await resumed.close();

    expect(losses).toEqual(expected);
    expect(await outcomeOf(folders[1], STEPS)).toEqual(await outcomeOf(folders[0], STEPS));
    const targets = await Promise.all(
      folders.map(async (folder) => digest(await readFile(targetFile(folder, STEPS)))),
    );
    expect(targets[1]).toBe(targets[0]);
    await trainStep.dispose();
  });
});

describe('a target network', () => {
  it('is μ(k) of itself and the rest of the trained parameters, after every update', async () => {
    const config = tinyRun({ ...consistency, model: richModel });
    const objective = objectiveOf(config);
    const folder = await temporaryFolder();
    const run = await open(config, folder);
    let expected = Float64Array.from((await (await startOf(config)).target!.data()) as Float32Array);
    for (let k = 0; k < 4; k++) {
      await run.step();
      await run.checkpoint();
      const { state } = (await readLatestCheckpoint(folder, layoutOf(config), { target: true }))!;
      const [parameters, target] = [await state.parameters.data(), await state.target!.data()];
      const mu = objective.targetDecay!(k);
      expected = expected.map((value, i) => mu * value + (1 - mu) * parameters[i]!);
      expect(relativeError(target, expected)).toBeLessThan(1e-6);
      expect(relativeError(target, parameters)).toBeGreaterThan(1e-5);
    }
    await run.close();
  });

  it('is missed where a checkpoint has lost it', async () => {
    const config = tinyRun(consistency);
    const folder = await temporaryFolder();
    const run = await open(config, folder);
    await train(run, 1);
    await run.checkpoint();
    await run.close();
    await rm(targetFile(folder, 1));
    await expect(open(config, folder)).rejects.toThrow(CheckpointError);
    await expect(open(config, folder)).rejects.toThrow(/target\.safetensors cannot be read/);
  });

  it('is wanted by a step of an objective that keeps one, and refused by any other', async () => {
    const [keeps, without] = [tinyRun(consistency), tinyRun()];
    const scalars = {
      learningRate: 1,
      stepSize: 1,
      inverseRootCorrection: 1,
      momentumSize: 0,
      step: 1,
      emaRate: 1,
    };
    const batch = {} as StepBatch;
    for (const [config, other, says] of [
      [keeps, without, 'a state without a target network'],
      [without, keeps, 'a state with a target network'],
    ] as const) {
      const step = trainStepOf(opened.device, config);
      const result = step.run(await startOf(other), [batch], scalars);
      await expect(result).rejects.toThrow(TrainerError);
      await expect(result).rejects.toThrow(says);
      await step.dispose();
    }
  });
});

describe('noise levels', () => {
  it.each([
    [{ lookAhead: true }, 2],
    [{ lookAhead: false }, 2],
    [{ lookAhead: true, pool: 'update' }, 3],
  ] as const)('are those of the update that a batch is used in, with %j', async (assignment, accumulate) => {
    const config = tinyRun({
      ...consistency,
      objective: { kind: 'consistency-training', s1: 40 },
      training: { steps: 8, batchSize: 8, accumulate },
      assignment,
    });
    const source = new BatchSource(config, await openData(config), objectiveOf(config));
    const range = { sigmaMin: 0.002, sigmaMax: 80, rho: 7 };
    const counts: number[] = [];
    const levelsAt = (k: number): number[] => {
      const scales = consistencyScales({ s0: 2, s1: 40, totalSteps: 8 }, k);
      if (counts.at(-1) !== scales) counts.push(scales);
      return [...risingSigmas(scales, range)].map(Math.fround);
    };
    const check = async (batch: number): Promise<void> => {
      const levels = levelsAt(Math.floor(batch / accumulate));
      const drawn = (await source.next()).batch;
      const [sigma, lower] = [await drawn['sigma']!.data(), await drawn['lower']!.data()];
      lower.forEach((level, i) => expect(levels.indexOf(sigma[i]!)).toBe(levels.indexOf(level) + 1));
      expect(levels).toEqual(expect.arrayContaining([...lower]));
    };
    for (let batch = 0; batch < 4 * accumulate; batch++) await check(batch);
    source.restore(source.state(), 6);
    for (let batch = 6 * accumulate; batch < 8 * accumulate; batch++) await check(batch);
    expect(counts, 'another number of levels in every update').toHaveLength(6);
    await source.close();
  });
});

describe('the graph of the loss', () => {
  /** Convolutions and products of the loss, and of its gradient. */
  async function products(overrides: Overrides): Promise<{ loss: number; gradient: number }> {
    const config = tinyRun({ model: richModel, ...overrides });
    const objective = objectiveOf(config);
    const source = new BatchSource(config, await openData(config), objective);
    const { batch } = await source.next();
    await source.close();
    const apply = modelOf(config);
    const weights = await layoutOf(config).unpack((await startOf(config)).parameters);
    const networkOf = (theta: Tensors) => (sample: Tensor, timestep: Tensor) =>
      apply(theta, { sample, timestep, labels: batch.labels!, dropoutKey: batch.dropoutKey! });
    const { value, gradients } = valueAndGrad((theta: Tensors) => {
      const target = networkOf(weights);
      return objective.loss({
        network: networkOf(theta),
        target: (x, t) => stopGradient(target(x, t)),
        batch,
        frozen: {},
      });
    })(weights);
    const count = (nodes: readonly Tensor[]): number =>
      printGraph(nodes.map(({ node }) => node))
        .split('\n')
        .filter((line) => /= (conv\w*|matmul|scaledDotProductAttention\w*)\(/.test(line)).length;
    return { loss: count([value]), gradient: count([value, ...Object.values(gradients)]) };
  }

  it.each(['consistency-training', 'improved-consistency-training'])(
    '%s: two forward passes and one backward pass',
    async (kind) => {
      const once = await products({});
      const twice = await products({ ...consistency, objective: { kind } });
      expect(once.gradient).toBeGreaterThan(2 * once.loss);
      expect(twice.loss).toBe(2 * once.loss);
      expect(twice.gradient - once.gradient).toBe(once.loss);
    },
  );
});

describe('dropout', () => {
  it('has the same masks in both branches: at one noise level they agree', async () => {
    const config = tinyRun({ ...consistency, model: { ...richModel, dropout: 0.5 } });
    const objective = objectiveOf(config);
    const source = new BatchSource(config, await openData(config), objective);
    const [{ batch }, { batch: other }] = [await source.next(), await source.next()];
    await source.close();
    const step = trainStepOf(opened.device, config);
    const scalars = {
      learningRate: 0,
      stepSize: 0,
      inverseRootCorrection: 0,
      momentumSize: 0,
      step: 1,
      emaRate: 1,
      targetRate: 1,
    };
    const lossOf = async (changed: StepBatch): Promise<number> => {
      const { state, numbers } = await step.run(await startOf(config), [changed], scalars);
      const [read] = await step.read([{ step: 1, numbers }], state);
      return read!.loss;
    };
    // Output layers start near zero, so the branches are told apart by levels that are far from each other.
    const level = { sigma: zeros([16]).add(1), lower: zeros([16]).add(1) };
    expect(await lossOf({ ...batch, ...level })).toBe(0);
    expect(await lossOf({ ...batch, ...level, lower: zeros([16]).add(2) })).toBeGreaterThan(0);
    expect(await lossOf({ ...batch, dropoutKey: other.dropoutKey!, ...level })).toBe(0);
    await step.dispose();
  });
});

describe('a comparison of consistency models', () => {
  it('trains both arms and measures them with one and two sampling steps', async () => {
    const config = tinyComparison({
      ...consistency,
      training: { steps: 4 },
      evaluation: { samplingSteps: [1, 2] },
    });
    const folder = await temporaryFolder();
    const report = await compare(config, { folder, device: opened.device, dataset: await openData(config) });
    for (const { frechet, loss, distanceReduction, name } of report.arms) {
      expect(Object.keys(frechet)).toEqual(['1', '2']);
      expect(Object.values(frechet).every(Number.isFinite)).toBe(true);
      expect(loss.every((point) => Number.isFinite(point.loss))).toBe(true);
      expect(distanceReduction > 0).toBe(name === 'immiscible');
    }
  });
});
