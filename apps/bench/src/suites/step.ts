/**
 * How long a whole training step takes (forward, backward, clip, Adam, moving average), beside PyTorch eager with the
 * same network, batch and threads. The two take turns, so that a machine that slows down slows both.
 */
import { availableParallelism } from 'node:os';
import { toUnet2dConfig } from '@immiscible/models';
import { streamUniform } from '@immiscible/random';
import { openDevice, tensor, type Tensor } from '@immiscible/tensor-core';
import {
  armConfig,
  layoutOf,
  optimizerScalars,
  parseCompareConfig,
  recipes,
  type RunConfig,
  startOf,
  trainStepOf,
} from '@immiscible/trainer';
import { startTorch } from './step-torch.ts';

export interface StepBenchOptions {
  /** default: all of `demo`, `unet64` */
  readonly networks?: readonly string[];
  /** default 10 */
  readonly rounds?: number;
  readonly threads?: number;
  /** Python with PyTorch and diffusers; default `python3` */
  readonly python?: string;
  readonly onProgress?: (text: string) => void;
}

export interface StepRow {
  readonly network: string;
  readonly parameters: number;
  /** [B, C, H, W] */
  readonly shape: readonly number[];
  /** median milliseconds of a step */
  readonly ours: number;
  readonly pytorch: number | null;
  /** median of ours / PyTorch's, round by round */
  readonly ratio: number | null;
  readonly compileMilliseconds: number;
}

export interface StepBenchReport {
  readonly suite: 'step';
  readonly node: string;
  readonly device: string;
  readonly threads: number;
  readonly pytorch: string;
  readonly rounds: number;
  readonly rows: readonly StepRow[];
  readonly peakMemoryBytes: number;
}

const LEARNING_RATE = 1e-4;

const demo = armConfig(parseCompareConfig(recipes.demo), 'vanilla');

/** The demo's model, and one of 64 channels at 32×32 with batch 64. */
const networks: Readonly<Record<string, RunConfig>> = {
  demo,
  unet64: armConfig(
    parseCompareConfig({
      ...recipes['cifar10-ddim'],
      model: {
        sample_size: 32,
        block_out_channels: [64, 64],
        layers_per_block: 1,
        down_block_types: ['DownBlock2D', 'DownBlock2D'],
        up_block_types: ['UpBlock2D', 'UpBlock2D'],
      },
      training: { ...recipes['cifar10-ddim'].training, batchSize: 64 },
    }),
    'vanilla',
  ),
};

/** The networks that can be timed. */
export const STEP_NETWORKS: readonly string[] = Object.keys(networks);

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Times the steps. @throws RangeError for a network that there is not */
export async function runStepBench(options: StepBenchOptions = {}): Promise<StepBenchReport> {
  const { rounds = 10, threads = availableParallelism(), python = 'python3', onProgress } = options;
  const device = await openDevice('cpu', { threads });
  let pytorch = '';
  const rows: StepRow[] = [];
  try {
    for (const name of options.networks ?? STEP_NETWORKS) {
      const config = networks[name];
      if (!config) throw new RangeError(`step: there is no network ${name}; use ${STEP_NETWORKS.join(', ')}`);
      const { model, training } = config;
      const size = Number(model.sample_size);
      const shape = [training.batchSize, model.in_channels, size, size] as const;
      onProgress?.(`${name}: starting PyTorch`);
      const peer = await startTorch(python, {
        model: toUnet2dConfig(model),
        shape,
        threads,
        learningRate: LEARNING_RATE,
      });
      pytorch = typeof peer === 'string' ? `not measured: ${peer}` : peer.version;
      const step = await ourStep(device, config, shape);
      const times: { ours: number; theirs: number | undefined }[] = [];
      // Two rounds are not counted: compilation, and memory that is taken for the first time.
      for (let round = -2; round < rounds; round++) {
        onProgress?.(`${name}: round ${Math.max(0, round + 1)} of ${rounds}`);
        const theirs = typeof peer === 'string' ? undefined : await peer.step();
        const ours = await step.run();
        if (round >= 0) times.push({ ours, theirs });
      }
      if (typeof peer !== 'string') peer.close();
      const measured = times.every(({ theirs }) => theirs !== undefined);
      rows.push({
        network: name,
        parameters: layoutOf(config).size,
        shape,
        ours: median(times.map(({ ours }) => ours)),
        pytorch: measured ? median(times.map(({ theirs }) => theirs!)) : null,
        ratio: measured ? median(times.map(({ ours, theirs }) => ours / theirs!)) : null,
        compileMilliseconds: await step.close(),
      });
    }
    return {
      suite: 'step',
      node: process.versions.node,
      device: device.description,
      threads,
      pytorch,
      rounds,
      rows,
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  } finally {
    await device.dispose();
  }
}

/** Our step on data that stays the same. */
async function ourStep(
  device: Awaited<ReturnType<typeof openDevice>>,
  config: RunConfig,
  shape: readonly [number, number, number, number],
): Promise<{ run(): Promise<number>; close(): Promise<number> }> {
  const trainStep = trainStepOf(device, config);
  let state = await startOf(config);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  const [batch] = shape;
  const uniform = (stream: number, count: number, extent: readonly number[]): Tensor =>
    tensor(streamUniform(0, stream, new Float32Array(count)), extent);
  const inputs = {
    x0: uniform(0, elements, shape),
    noise: uniform(1, elements, shape),
    timesteps: uniform(2, batch, [batch]),
    alpha: uniform(3, batch, [batch]),
    sigma: uniform(4, batch, [batch]),
    weight: uniform(5, batch, [batch]),
  };
  let k = 0;
  return {
    async run() {
      k += 1;
      const start = performance.now();
      const scalars = { ...optimizerScalars(config.optimizer, LEARNING_RATE, k), step: k, emaRate: 0.001 };
      const result = await trainStep.run(state, [inputs], scalars);
      state = result.state;
      await trainStep.read([{ step: k, numbers: result.numbers }], state); // the device is done
      return performance.now() - start;
    },
    async close() {
      const { compileMilliseconds = 0 } = trainStep.report;
      await trainStep.dispose();
      return compileMilliseconds;
    },
  };
}
