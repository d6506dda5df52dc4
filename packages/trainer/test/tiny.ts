/**
 * What the tests share: real components, as small as they get. Fashion-MNIST at 8×8, a UNet of two levels, one thread,
 * so that numbers do not depend on the machine's cores.
 */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ImageDataset, openDataset } from '@immiscible/datasets';
import { type Device, type HostArray, openDevice, tensor, type Tensor } from '@immiscible/tensor-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { checkpointPath } from '../src/checkpoint.ts';
import { type CompareConfig, parseCompareConfig, parseRunConfig, type RunConfig } from '../src/config.ts';
import { readLog } from '../src/run-log.ts';

/** Fields that a test changes, section by section. */
export type Overrides = Readonly<Record<string, unknown>>;

/** The network of these runs. */
export const tinyModel = {
  sample_size: 8,
  in_channels: 1,
  out_channels: 1,
  layers_per_block: 1,
  block_out_channels: [16, 16],
  down_block_types: ['DownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'UpBlock2D'],
  norm_num_groups: 4,
  add_attention: false,
};

const base = {
  name: 'tiny',
  seed: 7,
  device: 'cpu',
  threads: 1,
  data: { kind: 'fashion-mnist', split: 'test', size: 8 },
  model: tinyModel,
  scheduler: { _class_name: 'DDIMScheduler' },
  optimizer: { learningRate: 2e-3 },
  training: { steps: 8, batchSize: 16, ema: { decay: 0.99 } },
  evaluation: { samples: 16, batchSize: 16, samplingSteps: [1, 2], points: 2, gridSize: 2 },
  logging: { every: 3, checkpointEvery: 100, keep: 2 },
};

function merged(overrides: Overrides): Record<string, unknown> {
  const isRecord = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const merge = (into: Record<string, unknown>, from: Overrides): Record<string, unknown> =>
    Object.fromEntries(
      [...new Set([...Object.keys(into), ...Object.keys(from)])].map((key) => {
        const [old, value] = [into[key], from[key]];
        if (!(key in from)) return [key, old];
        return [key, isRecord(old) && isRecord(value) ? merge(old, value) : value];
      }),
    );
  return merge(base, overrides);
}

/** A run of eight steps on batches of 16, with what `overrides` changes. */
export function tinyRun(overrides: Overrides = {}): RunConfig {
  return parseRunConfig(merged(overrides));
}

/** The same as a comparison. */
export function tinyComparison(overrides: Overrides = {}): CompareConfig {
  return parseCompareConfig(merged(overrides));
}

/** With attention, dropout and classes: everything that a step can be given. */
export const richModel = {
  block_out_channels: [16, 32],
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
  add_attention: true,
  attention_head_dim: 8,
  dropout: 0.1,
  num_class_embeds: 10,
};

/** A CPU device with one thread, for all tests of a file. */
export function testDevice(): { readonly device: Device } {
  let opened: Device | undefined;
  beforeAll(async () => {
    opened = await openDevice('cpu', { threads: 1 });
  });
  afterAll(() => opened?.dispose());
  return {
    get device(): Device {
      if (!opened) throw new Error('the device is open during tests only');
      return opened;
    },
  };
}

const datasets = new Map<string, Promise<ImageDataset>>();

/** The data set of a config, read once for all tests of a file. */
export function openData({ data }: Pick<RunConfig, 'data'>): Promise<ImageDataset> {
  if (data.kind !== 'fashion-mnist') throw new Error(`tests train on Fashion-MNIST, got ${data.kind}`);
  const key = JSON.stringify(data);
  const dataset = datasets.get(key) ?? openDataset(data);
  datasets.set(key, dataset);
  return dataset;
}

/** An empty folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'immiscible-trainer-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** The same for all tests of a group; it is there once the group has begun. */
export function sharedFolder(): { readonly path: string } {
  let made: string | undefined;
  beforeAll(async () => {
    made = await mkdtemp(join(tmpdir(), 'immiscible-trainer-'));
  });
  afterAll(async () => {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  });
  return {
    get path(): string {
      if (made === undefined) throw new Error('the folder is there during tests only');
      return made;
    },
  };
}

/** A path among the repository's recordings (golden/README.md). */
export function goldenPath(name: string): string {
  return fileURLToPath(new URL(`../../../golden/${name}`, import.meta.url));
}

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(goldenPath(name), 'utf8')) as T;
}

/** max |value − reference| / max |reference|; max |value| where the reference is all zero. NaN counts as infinitely far. */
export function relativeError(value: HostArray, reference: ArrayLike<number>): number {
  if (value.length !== reference.length) return Infinity;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < reference.length; i++) {
    const d = Math.abs(value[i]! - reference[i]!);
    if (!(d <= difference)) difference = Number.isNaN(d) ? Infinity : d;
    scale = Math.max(scale, Math.abs(reference[i]!));
  }
  return scale > 0 ? difference / scale : difference;
}

/** Many bytes as a short word, so that a test compares them at once and a failure can be read. */
export function digest(bytes: HostArray): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A float32 tensor. */
export function floats(values: ArrayLike<number>, shape: readonly number[] = [values.length]): Tensor {
  return tensor(Float32Array.from(values), shape);
}

/** The files of a checkpoint that hold a run's numbers. */
export const PARTS = [
  'unet/diffusion_pytorch_model.safetensors',
  'trainer/parameters.safetensors',
  'trainer/firstMoments.safetensors',
  'trainer/secondMoments.safetensors',
];

/** Everything on the disk that may differ between two runs that should be one, but for the time they took. */
export interface Outcome {
  readonly log: readonly object[];
  readonly files: readonly string[];
}

export async function outcomeOf(folder: string, step: number): Promise<Outcome> {
  const path = checkpointPath(folder, step);
  const log = (await readLog(folder)).map(({ secondsPerStep, ...entry }) => {
    expect(secondsPerStep).toBeGreaterThan(0);
    return entry;
  });
  const files = PARTS.map(async (part) => `${part} ${digest(await readFile(join(path, part)))}`);
  return { log, files: await Promise.all(files) };
}
