/**
 * What assignment adds to a training step: whole steps of the trainer on images of CIFAR-10's shape, without
 * assignment, with an assignment that the step waits for, and with one that a worker makes during the steps before.
 *
 * The device has one thread, so that on two cores one is free for the worker. Runs take turns step by step: a worker
 * that has its batches ahead prepares one more for each that is taken, during the step that took it, and then waits.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImageDataset, memoryDataset, openCifar10 } from '@immiscible/datasets';
import { openDevice } from '@immiscible/tensor-core';
import { parseRunConfig, type RunConfig, TrainingRun, trainStepOf } from '@immiscible/trainer';
import { table } from '../format.ts';
import { syntheticImages } from './assignment-images.ts';
import { median } from './median.ts';

export interface AssignmentStepOptions {
  /** default 128, 256, 512, 1024 */
  readonly sizes?: readonly number[];
  /** timed steps of each run; default 7 */
  readonly repeats?: number;
  /** threads of the device; default 1 */
  readonly threads?: number;
  /** folder or archive of CIFAR-10; default: generated images of its shape */
  readonly cifar10?: string;
  readonly progress?: (text: string) => void;
}

/** One batch size. Times of a step are medians in milliseconds. */
export interface AssignmentStepRow {
  readonly batch: number;
  /** without assignment, noise drawn during the steps before */
  readonly without: number;
  /** noise drawn and assigned while the step waits */
  readonly waiting: number;
  /** noise drawn and assigned during the steps before */
  readonly ahead: number;
  /** what `waiting` and `ahead` add to `without`, as a share: 0.01 is one per cent; medians over the rounds */
  readonly addedWaiting: number;
  readonly addedAhead: number;
  /** what the worker took for a batch, and what the step still waited for it */
  readonly worker: number;
  readonly waited: number;
}

export interface AssignmentStepReport {
  readonly suite: 'assignment-step';
  readonly node: string;
  readonly device: string;
  readonly images: string;
  readonly threads: number;
  readonly repeats: number;
  readonly rows: readonly AssignmentStepRow[];
}

const SIZES = [128, 256, 512, 1024];
const ARMS = {
  without: { method: 'identity', lookAhead: true },
  waiting: { method: 'linear', lookAhead: false },
  ahead: { method: 'linear', lookAhead: true },
} as const;
type Arm = keyof typeof ARMS;
const NAMES = Object.keys(ARMS) as Arm[];
/** Rounds that are not counted: memory is taken for the first time, and nothing is ahead yet. */
const WARM = 2;

/** Times the steps. */
export async function runAssignmentStepBench(
  options: AssignmentStepOptions = {},
): Promise<AssignmentStepReport> {
  const { sizes = SIZES, repeats = 7, threads = 1, cifar10, progress } = options;
  const dataset = await openImages(cifar10, Math.max(...sizes));
  const device = await openDevice('cpu', { threads });
  const rows: AssignmentStepRow[] = [];
  try {
    for (const batch of sizes) {
      progress?.(`batch ${batch}: compiling`);
      const folder = await mkdtemp(join(tmpdir(), 'immiscible-bench-'));
      const trainStep = trainStepOf(device, configOf(batch, 'without'));
      const runs: Partial<Record<Arm, TrainingRun>> = {};
      try {
        for (const arm of NAMES) {
          const options = { folder: join(folder, arm), device, dataset, trainStep };
          runs[arm] = await TrainingRun.create(configOf(batch, arm), options);
        }
        rows.push(await measure(batch, runs as Record<Arm, TrainingRun>, repeats, progress));
      } finally {
        for (const run of Object.values(runs)) await run.close();
        await trainStep.dispose();
        await rm(folder, { recursive: true, force: true });
      }
    }
  } finally {
    await device.dispose();
  }
  return {
    suite: 'assignment-step',
    node: process.versions.node,
    device: device.description,
    images: dataset.name,
    threads,
    repeats,
    rows,
  };
}

async function measure(
  batch: number,
  runs: Readonly<Record<Arm, TrainingRun>>,
  repeats: number,
  progress: AssignmentStepOptions['progress'],
): Promise<AssignmentStepRow> {
  const times: Record<Arm, number[]> = { without: [], waiting: [], ahead: [] };
  const worker: number[] = [];
  const waited: number[] = [];
  for (let round = -WARM; round < repeats; round++) {
    progress?.(`batch ${batch}: round ${Math.max(0, round + 1)} of ${repeats}`);
    for (const arm of round % 2 === 0 ? NAMES : NAMES.toReversed()) {
      const began = performance.now();
      const { milliseconds } = await runs[arm].step();
      if (round < 0) continue;
      times[arm].push(performance.now() - began);
      if (arm !== 'ahead') continue;
      worker.push(milliseconds.assign);
      waited.push(milliseconds.wait);
    }
  }
  const added = (arm: Arm): number =>
    median(times[arm].map((time, round) => time / times.without[round]! - 1));
  return {
    batch,
    without: median(times.without),
    waiting: median(times.waiting),
    ahead: median(times.ahead),
    addedWaiting: added('waiting'),
    addedAhead: added('ahead'),
    worker: median(worker),
    waited: median(waited),
  };
}

/** A network whose step takes about a millisecond an image on one thread: a large one would hide what is measured. */
function configOf(batchSize: number, arm: Arm): RunConfig {
  const { method, lookAhead } = ARMS[arm];
  return parseRunConfig({
    data: { kind: 'fashion-mnist' }, // a config names one; the runs are given theirs
    model: {
      sample_size: 32,
      in_channels: 3,
      out_channels: 3,
      layers_per_block: 1,
      block_out_channels: [16],
      down_block_types: ['DownBlock2D'],
      up_block_types: ['UpBlock2D'],
      norm_num_groups: 8,
      add_attention: false,
    },
    scheduler: { _class_name: 'DDIMScheduler' },
    assignment: { method, lookAhead, precision: 'f16' },
    training: { steps: 1_000_000, batchSize },
    logging: { every: 1_000_000, checkpointEvery: 1_000_000 },
  });
}

async function openImages(cifar10: string | undefined, atLeast: number): Promise<ImageDataset> {
  if (cifar10 !== undefined) return openCifar10({ path: cifar10, split: 'train' });
  const { name, pixels } = syntheticImages(atLeast, 1);
  return memoryDataset({
    name,
    images: Uint8Array.from(pixels, (value) => Math.max(0, Math.min(255, Math.round(127.5 * (value + 1))))),
    channels: 3,
    height: 32,
    width: 32,
    provenance: { source: 'generated', hashes: {}, operations: ['amplitudes as 1/f'] },
  });
}

/** @returns lines for a terminal */
export function formatAssignmentStepBench(report: AssignmentStepReport): string {
  const share = (value: number): string => `${value < 0 ? '−' : '+'}${Math.abs(100 * value).toFixed(1)} %`;
  const cells = report.rows.map((row) => [
    row.batch,
    row.without.toFixed(1),
    row.waiting.toFixed(1),
    share(row.addedWaiting),
    row.ahead.toFixed(1),
    share(row.addedAhead),
    row.worker.toFixed(1),
    row.waited.toFixed(2),
  ]);
  return [
    'What assignment adds to a training step (linear, l2, float16 costs); medians of rounds in which each takes a step',
    `${report.images}; ${report.device}; Node ${report.node}; ${report.repeats} rounds`,
    table(
      ['batch', 'without ms', 'waiting ms', 'adds', 'ahead ms', 'adds', 'worker ms', 'waited ms'],
      cells.map((row) => row.map(String)),
    ),
  ].join('\n');
}
