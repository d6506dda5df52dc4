/** A run that was stopped, however, goes on to the very numbers of the run that never was. */
import { existsSync } from 'node:fs';
import { appendFile, cp, mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memoryDataset } from '@immiscible/datasets';
import { writeSafetensors } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkpointPath, listCheckpoints } from '../src/checkpoint.ts';
import { type RunConfig } from '../src/config.ts';
import { CheckpointError, ConfigError, DivergedError } from '../src/errors.ts';
import { readLog } from '../src/run-log.ts';
import { trainStepOf } from '../src/parts.ts';
import { type StepReport, TrainingRun } from '../src/run.ts';
import { type TrainStep } from '../src/step.ts';
import { trainInChild } from './child.ts';
import {
  openData,
  type Outcome,
  outcomeOf,
  PARTS,
  richModel,
  sharedFolder,
  temporaryFolder,
  testDevice,
  tinyRun,
} from './tiny.ts';

const opened = testDevice();

/** What becomes of a run. */
interface Whole extends Outcome {
  readonly losses: readonly number[];
}

/** Steps until `until` or the end. */
async function train(run: TrainingRun, until = Infinity): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  while (!run.finished && run.progress.step < until) reports.push(await run.step());
  return reports;
}

const lossesOf = (reports: readonly StepReport[]): number[] =>
  reports.flatMap(({ numbers }) => numbers.map(({ loss }) => loss));

/** Runs of one config with one compiled step, and what becomes of them when nothing stops them. */
function suite(config: RunConfig) {
  const shared = sharedFolder();
  let trainStep: TrainStep;
  let expected: Whole;

  const open = async (folder: string, how: 'open' | 'create' | 'resume' = 'open'): Promise<TrainingRun> => {
    const options = { folder, device: opened.device, dataset: await openData(config), trainStep };
    return how === 'resume' ? TrainingRun.resume(options) : TrainingRun[how](config, options);
  };
  const whole = async (folder: string): Promise<Whole> => {
    const run = await open(folder, 'create');
    const losses = lossesOf(await train(run));
    await run.close();
    return { losses, ...(await outcomeOf(folder, config.training.steps)) };
  };
  beforeAll(async () => {
    trainStep = trainStepOf(opened.device, config);
    expected = await whole(join(shared.path, 'whole'));
  });
  afterAll(() => trainStep.dispose());

  return {
    open,
    whole,
    get expected(): Whole {
      return expected;
    },
    /** A run that was trained up to a step, with a checkpoint there or only where they are due. */
    async stopped(step: number, { checkpoint }: { checkpoint: boolean }): Promise<string> {
      const folder = await temporaryFolder();
      const run = await open(folder, 'create');
      await train(run, step);
      if (checkpoint) await run.checkpoint();
      await run.close();
      return folder;
    },
    /** Resumes at a step and expects the end of the run that was never stopped. */
    async goOn(folder: string, from: number): Promise<void> {
      const run = await open(folder, 'resume');
      expect(run.progress.step).toBe(from);
      expect(lossesOf(await train(run))).toEqual(expected.losses.slice(from));
      await run.close();
      expect({ losses: expected.losses, ...(await outcomeOf(folder, config.training.steps)) }).toEqual(
        expected,
      );
    },
  };
}

describe('a run with dropout, classes, warm-up and cosine', () => {
  const STEPS = 6;
  const config = tinyRun({
    model: richModel,
    optimizer: { type: 'adamw', weightDecay: 0.01 },
    training: { steps: STEPS, schedule: { type: 'cosine', warmupSteps: 2 } },
    logging: { every: 4 },
  });
  const runs = suite(config);
  it('gives the same numbers when it is run again', async () => {
    const { expected } = runs;
    expect(await runs.whole(await temporaryFolder())).toEqual(expected);
    expect(new Set(expected.losses).size).toBe(STEPS);
    expect(expected.log).toMatchObject([{ step: 4 }, { step: 6 }]);
  });

  it.each(Array.from({ length: STEPS }, (_, step) => step))(
    'stopped after step %i with a checkpoint, has the same losses, log lines and bytes',
    async (step) => runs.goOn(await runs.stopped(step, { checkpoint: true }), step),
  );

  it('stopped after every single step, as well', async () => {
    const folder = await temporaryFolder();
    const losses: number[] = [];
    for (let step = 1; step <= STEPS; step++) {
      const run = await runs.open(folder);
      losses.push(...lossesOf(await train(run, step)));
      await run.checkpoint();
      await run.close();
    }
    expect({ losses, ...(await outcomeOf(folder, STEPS)) }).toEqual(runs.expected);
  });
});

describe('a run with checkpoints every two steps', () => {
  const STEPS = 8;
  const config = tinyRun({ training: { steps: STEPS }, logging: { every: 1, checkpointEvery: 2, keep: 2 } });
  const runs = suite(config);
  it('keeps the last two', async () => {
    const folder = await runs.stopped(7, { checkpoint: false });
    expect(await listCheckpoints(folder)).toEqual([4, 6]);
  });

  it('goes on from the last one, with its log cut back to it', async () => {
    const folder = await runs.stopped(7, { checkpoint: false });
    await appendFile(join(folder, 'log.jsonl'), '{"step":8,"ima');
    expect((await readLog(folder)).at(-1)?.step).toBe(7);
    const run = await runs.open(folder, 'resume');
    expect((await readLog(folder)).at(-1)?.step).toBe(6);
    await run.close();
    await runs.goOn(folder, 6);
  });

  it('begins again where it has none yet', async () => {
    const folder = await runs.stopped(1, { checkpoint: false });
    await runs.goOn(folder, 0);
  });

  it('goes on past a checkpoint that a killed process left half-written', async () => {
    const folder = await runs.stopped(5, { checkpoint: false });
    const partial = join(folder, 'checkpoints', '.partial-step-00000006');
    await cp(checkpointPath(folder, 4), partial, { recursive: true });
    await rm(join(partial, PARTS[2]!));
    await mkdir(join(folder, 'checkpoints', 'step-notes'));
    expect(await listCheckpoints(folder)).toEqual([2, 4]);
    await runs.goOn(folder, 4);
    expect(existsSync(partial), 'and it is cleared away').toBe(false);
  });

  it('trains no further once it is finished', async () => {
    const folder = await runs.stopped(STEPS, { checkpoint: false });
    const run = await runs.open(folder);
    expect(run.finished).toBe(true);
    expect(await train(run)).toEqual([]);
    await run.close();
  });

  type Damage = (checkpoint: string) => Promise<void>;
  const damages: [string, Damage][] = [
    ...PARTS.flatMap((part): [string, Damage][] => [
      [`${part} cut short`, (path) => truncate(join(path, part), 5000)],
      [`no ${part}`, (path) => rm(join(path, part))],
    ]),
    ['state.json cut short', (path) => truncate(join(path, 'trainer/state.json'), 20)],
    ['state.json without a cursor', (path) => writeFile(join(path, 'trainer/state.json'), '{"step": 6}')],
    ['another model’s config', (path) => writeFile(join(path, 'unet/config.json'), '{"sample_size": 8}')],
    [
      'another model’s moments',
      (path) =>
        writeSafetensors(join(path, 'trainer/firstMoments.safetensors'), {
          w: { shape: [1], dtype: 'float32', data: new Float32Array(1) },
        }),
    ],
  ];
  const shared = sharedFolder();
  let damaged: string;
  beforeAll(async () => {
    damaged = join(shared.path, 'damaged');
    const run = await runs.open(damaged, 'create');
    await train(run, 6);
    await run.close();
  });

  it.each(damages)('says what to do about a damaged checkpoint: %s', async (_, damage) => {
    const folder = await temporaryFolder();
    await cp(damaged, folder, { recursive: true });
    const path = checkpointPath(folder, 6);
    await damage(path);
    const resumed = runs.open(folder, 'resume');
    await expect(resumed).rejects.toThrow(CheckpointError);
    await expect(resumed).rejects.toThrow(`${path} is damaged: `);
    await expect(resumed).rejects.toThrow(/; remove that folder to resume from step 4$/);
  });

  it('does go on from the checkpoint before, as the message says', async () => {
    const folder = await temporaryFolder();
    await cp(damaged, folder, { recursive: true });
    await rm(checkpointPath(folder, 6), { recursive: true });
    await runs.goOn(folder, 4);
  });

  it('says to begin again where the only checkpoint is damaged', async () => {
    const folder = await runs.stopped(2, { checkpoint: false });
    const path = checkpointPath(folder, 2);
    await writeFile(join(path, 'trainer/state.json'), 'not JSON');
    await expect(runs.open(folder, 'resume')).rejects.toThrow(/remove that folder to begin the run again$/);
    await rm(path, { recursive: true });
    await runs.goOn(folder, 0);
  });
});

describe('a run in a process that is killed', () => {
  const STEPS = 24;
  const config = tinyRun({
    training: { steps: STEPS, batchSize: 8, accumulate: 2 },
    logging: { every: 5, checkpointEvery: 3 },
  });
  const runs = suite(config);

  it('goes on to the numbers of a run that was never stopped', { timeout: 120_000 }, async () => {
    const { expected } = runs;
    const folder = await temporaryFolder();
    const killed = await trainInChild(folder, config, {
      onLine: ({ step }, child) => {
        if (step === 8) child.kill('SIGKILL');
      },
    });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const before = killed.lines.map(({ loss }) => loss);
    expect(before.length).toBeLessThan(STEPS);
    expect(before, 'another process computes the same').toEqual(expected.losses.slice(0, before.length));
    const from = (await listCheckpoints(folder)).at(-1)!;
    expect(from).toBeGreaterThanOrEqual(6);
    await runs.goOn(folder, from);
    expect((await readdir(join(folder, 'checkpoints'))).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('opening a run', () => {
  const config = tinyRun({ training: { steps: 2 } });
  const runs = suite(config);

  it('refuses a folder that has one already, or has none', async () => {
    const folder = await runs.stopped(0, { checkpoint: true });
    await expect(runs.open(folder, 'create')).rejects.toThrow(CheckpointError);
    await expect(runs.open(await temporaryFolder(), 'resume')).rejects.toThrow('holds no run');
  });

  it('refuses to go on under another config, naming the field', async () => {
    const folder = await runs.stopped(1, { checkpoint: true });
    const other = tinyRun({ training: { steps: 2, ema: { decay: 0.5 } } });
    const options = { folder, device: opened.device, dataset: await openData(config) };
    const opening = TrainingRun.open(other, options);
    await expect(opening).rejects.toThrow(ConfigError);
    await expect(opening).rejects.toThrow('training.ema.decay: was 0.99, is 0.5');
  });

  it('refuses images that the model does not take, and labels that it has no class for', async () => {
    const folder = await temporaryFolder();
    const images = await openData(config);
    const opening = (changed: RunConfig, dataset = images): Promise<TrainingRun> =>
      TrainingRun.create(changed, { folder, device: opened.device, dataset });
    await expect(opening(tinyRun({ model: { sample_size: 16 } }))).rejects.toThrow(
      /takes 1 channels of 16×16 .* have 1 of 8×8/,
    );
    await expect(opening(tinyRun({ model: { in_channels: 3, out_channels: 3 } }))).rejects.toThrow(
      ConfigError,
    );
    await expect(opening(tinyRun({ model: { num_class_embeds: 9 } }))).rejects.toThrow(
      /9 classes \(model\.num_class_embeds\), image \d+ of .* has label 9/,
    );
    const nameless = memoryDataset({
      name: 'nameless',
      images: new Uint8Array(20 * 64),
      channels: 1,
      height: 8,
      width: 8,
      provenance: { source: 'this test', hashes: {}, operations: [] },
    });
    await expect(opening(tinyRun({ model: { num_class_embeds: 9 } }), nameless)).rejects.toThrow(
      'has no label',
    );
    expect(existsSync(join(folder, 'config.json')), 'and writes nothing').toBe(false);
  });
});

describe('a run whose weights are not finite any more', () => {
  const config = tinyRun({ optimizer: { learningRate: 1e38 }, training: { steps: 4 } });

  it('writes no checkpoint of them, and stops at the next step', async () => {
    const folder = await temporaryFolder();
    const run = await TrainingRun.create(config, {
      folder,
      device: opened.device,
      dataset: await openData(config),
    });
    await run.checkpoint();
    await run.step();
    await expect(run.checkpoint()).rejects.toThrow(DivergedError);
    await expect(run.checkpoint()).rejects.toThrow(/^step 1: parameters of .* are not finite/);
    expect(await listCheckpoints(folder)).toEqual([0]);
    await expect(run.step()).rejects.toThrow(/^step 2: the loss is (NaN|Infinity)/);
    await run.close();
  });
});
