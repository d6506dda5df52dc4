/** The command line inside a test: what it printed, and its exit code. */
import { EventEmitter } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { run } from '../src/run.ts';
import { type Io } from '../src/io.ts';

/** A stream that remembers. */
export class Memory extends Writable {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 100;

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export interface TestIo extends Io {
  readonly stdout: Memory;
  readonly stderr: Memory;
  /** codes that the process would have been ended with */
  readonly exits: number[];
}

export function testIo({ isTTY = false, env = {} }: { isTTY?: boolean; env?: Io['env'] } = {}): TestIo {
  const exits: number[] = [];
  return {
    stdout: new Memory(isTTY),
    stderr: new Memory(isTTY),
    env,
    interrupts: new EventEmitter(),
    exit: (code) => exits.push(code),
    exits,
  };
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs one command line. */
export async function cli(argv: readonly string[], io: TestIo = testIo()): Promise<Outcome> {
  const code = await run(argv, io);
  return { code, out: io.stdout.text, err: io.stderr.text };
}

/** A folder that goes away with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'immiscible-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A comparison that takes seconds: Fashion-MNIST at 8×8, a network of two levels, six steps. */
export const tinyConfig = {
  name: 'tiny',
  data: { kind: 'fashion-mnist', size: 8 },
  model: {
    sample_size: 8,
    in_channels: 1,
    out_channels: 1,
    layers_per_block: 1,
    block_out_channels: [16, 16],
    down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
    norm_num_groups: 4,
    attention_head_dim: 8,
  },
  scheduler: { _class_name: 'DDIMScheduler', beta_schedule: 'linear' },
  training: { steps: 6, batchSize: 16, ema: { decay: 0.9 } },
  evaluation: {
    features: 'pixels-8x8',
    samples: 40,
    batchSize: 20,
    samplingSteps: [2, 3],
    points: 2,
    pointSamplingSteps: [2],
    gridSize: 3,
  },
  logging: { every: 2, checkpointEvery: 4 },
};

/** Writes the tiny config, changed, as a file. @returns its path */
export async function writeConfig(folder: string, changes: object = {}): Promise<string> {
  const path = join(folder, 'tiny.json');
  await writeFile(path, JSON.stringify({ ...tinyConfig, ...changes }));
  return path;
}

const folder = process.env['IMMISCIBLE_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared');

/** Data beside the repository, where it is there. */
export const shared: string | undefined = existsSync(join(folder, 'data')) ? folder : undefined;
