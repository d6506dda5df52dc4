/**
 * How long a whole training step takes (forward, backward, clip, Adam, moving average), on the CPU or a GPU, beside
 * PyTorch eager with the same network, batch and threads on the same hardware. All take turns, so that a machine that
 * slows down slows all.
 */
import { availableParallelism } from 'node:os';
import { toUnet2dConfig, type Unet2dConfig } from '@immiscible/models';
import { streamUniform } from '@immiscible/random';
import {
  type Device,
  disposeTree,
  openDevice,
  tensor,
  type Tensor,
  webgpuAdapters,
} from '@immiscible/tensor-core';
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
import { startTorch, type TorchMode, type TorchSettings, type TorchStepper } from './step-torch.ts';
import { median } from './median.ts';

export interface StepBenchOptions {
  /** default: `cifar10` on a GPU, else `demo` and `unet64` */
  readonly networks?: readonly string[];
  /** `cpu` (default), `webgpu`, `webgpu:software`, or an adapter's name */
  readonly device?: string;
  /** default 10 */
  readonly rounds?: number;
  readonly threads?: number;
  /** Python with PyTorch and diffusers; default `python3` */
  readonly python?: string;
  readonly onProgress?: (text: string) => void;
}

export interface StepRow {
  readonly network: string;
  /** what our network computes in */
  readonly precision: RunConfig['precision'];
  readonly parameters: number;
  /** [B, C, H, W] */
  readonly shape: readonly number[];
  /** median milliseconds of a step */
  readonly ours: number;
  /** PyTorch in each of its modes: median milliseconds, and the median of ours / PyTorch's, round by round */
  readonly pytorch: readonly {
    readonly mode: TorchMode;
    readonly milliseconds: number;
    readonly ratio: number;
  }[];
  readonly compileMilliseconds: number;
  readonly dispatches: number | null;
}

export interface StepBenchReport {
  readonly suite: 'step';
  readonly node: string;
  readonly device: string;
  readonly threads: number;
  readonly pytorch: string;
  readonly rounds: number;
  readonly rows: readonly StepRow[];
  /** What was not measured, and why. */
  readonly skipped: readonly string[];
  readonly peakMemoryBytes: number;
}

const LEARNING_RATE = 1e-4;

/** The demo with the loss of the step in PyTorch, of ε. */
const demo = armConfig(
  parseCompareConfig({
    ...recipes.demo,
    scheduler: { ...recipes.demo.scheduler, prediction_type: 'epsilon' },
  }),
  'vanilla',
);

/** The demo's model, one of 64 channels at 32×32 with batch 64, and the paper's for CIFAR-10 with batch 128. */
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
  cifar10: armConfig(parseCompareConfig(recipes['cifar10-ddim']), 'vanilla'),
};

/** The networks that can be timed. */
export const STEP_NETWORKS: readonly string[] = Object.keys(networks);

/** What takes turns on a kind of hardware. */
const contests = {
  cpu: { networks: ['demo', 'unet64'], precisions: ['f32'], torch: 'cpu', modes: ['f32'] },
  gpu: { networks: ['cifar10'], precisions: ['f32', 'f16'], torch: 'cuda', modes: ['f32', 'tf32', 'f16'] },
} as const;

/** Times the steps. @throws RangeError for a network that there is not; DeviceError for a device that there is not */
export async function runStepBench(options: StepBenchOptions = {}): Promise<StepBenchReport> {
  const { rounds = 10, threads = availableParallelism(), python = 'python3', onProgress } = options;
  const unknown = options.networks?.find((name) => !(name in networks));
  if (unknown !== undefined) {
    throw new RangeError(`step: there is no network ${unknown}; use ${STEP_NETWORKS.join(', ')}`);
  }
  const device = await openDevice(options.device ?? 'cpu', { threads });
  const contest = contests[(await isGpu(device)) ? 'gpu' : 'cpu'];
  const rows: StepRow[] = [];
  const versions = new Set<string>();
  const skipped = new Set<string>();
  try {
    for (const name of options.networks ?? contest.networks) {
      for (const precision of contest.precisions) {
        const config = { ...networks[name]!, precision };
        const peers = contest.modes.map((mode) => ({ device: contest.torch, mode }));
        const row = await measure(device, { name, config, peers, rounds, threads, python, onProgress });
        for (const peer of row.peers) {
          if (typeof peer === 'string') skipped.add(peer);
          else versions.add(peer.version);
        }
        rows.push(row.row);
      }
    }
    return {
      suite: 'step',
      node: process.versions.node,
      device: device.description,
      threads,
      pytorch: versions.size > 0 ? [...versions].join(', ') : `not measured: ${[...skipped].join('; ')}`,
      rounds,
      rows,
      skipped: versions.size > 0 ? [...skipped] : [],
      peakMemoryBytes: process.resourceUsage().maxRSS * 1024,
    };
  } finally {
    await device.dispose();
  }
}

/** Hardware, not a CPU that plays GPU. */
async function isGpu(device: Device): Promise<boolean> {
  if (device.name === 'cpu') return false;
  const adapters = await webgpuAdapters();
  return adapters.some(({ name, software }) => !software && device.description.includes(name));
}

interface Contest {
  readonly name: string;
  readonly config: RunConfig;
  readonly peers: readonly Pick<TorchSettings, 'device' | 'mode'>[];
  readonly rounds: number;
  readonly threads: number;
  readonly python: string;
  readonly onProgress: ((text: string) => void) | undefined;
}

async function measure(
  device: Device,
  { name, config, peers, rounds, threads, python, onProgress }: Contest,
): Promise<{ row: StepRow; peers: readonly (TorchStepper | string)[] }> {
  const { training, precision } = config;
  const model = config.model as Unet2dConfig;
  const size = Number(model.sample_size);
  const shape = [training.batchSize, model.in_channels, size, size] as const;
  const title = `${name} in ${precision}`;
  const theirs: { mode: TorchMode; peer: TorchStepper | string; ratios: number[]; times: number[] }[] = [];
  for (const settings of peers) {
    onProgress?.(`${title}: starting PyTorch in ${settings.mode}`);
    const common = { model: toUnet2dConfig(model), shape, threads, learningRate: LEARNING_RATE };
    const peer = await startTorch(python, { ...settings, ...common });
    theirs.push({ mode: settings.mode, peer, ratios: [], times: [] });
  }
  onProgress?.(`${title}: compiling`);
  const step = await ourStep(device, config, shape);
  const ours: number[] = [];
  // Two rounds are not counted: compilation, and memory that is taken for the first time.
  for (let round = -2; round < rounds; round++) {
    onProgress?.(`${title}: round ${Math.max(0, round + 1)} of ${rounds}`);
    const mine = await step.run();
    if (round >= 0) ours.push(mine);
    for (const { peer, times, ratios } of theirs) {
      if (typeof peer === 'string') continue;
      const milliseconds = await peer.step();
      if (round < 0) continue;
      times.push(milliseconds);
      ratios.push(mine / milliseconds);
    }
  }
  for (const { peer } of theirs) if (typeof peer !== 'string') peer.close();
  const { compileMilliseconds = 0, dispatches } = step.report;
  await step.close();
  const row: StepRow = {
    network: name,
    precision,
    parameters: layoutOf(config).size,
    shape,
    ours: median(ours),
    pytorch: theirs
      .filter(({ times }) => times.length > 0)
      .map(({ mode, times, ratios }) => ({ mode, milliseconds: median(times), ratio: median(ratios) })),
    compileMilliseconds,
    dispatches: dispatches ?? null,
  };
  return { row, peers: theirs.map(({ peer }) => peer) };
}

/** Our step on data that stays the same. */
async function ourStep(
  device: Device,
  config: RunConfig,
  shape: readonly [number, number, number, number],
): Promise<{
  run(): Promise<number>;
  readonly report: Readonly<Record<string, number>>;
  close(): Promise<void>;
}> {
  const trainStep = trainStepOf(device, config);
  let state = await startOf(config);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  const [batch] = shape;
  const uniform = (stream: number, count: number, extent: readonly number[]): Tensor =>
    tensor(streamUniform(0, stream, new Float32Array(count)), extent);
  const drops = (config.model as Unet2dConfig).dropout > 0;
  const inputs = await device.put({
    x0: uniform(0, elements, shape),
    noise: uniform(1, elements, shape),
    timesteps: uniform(2, batch, [batch]),
    alpha: uniform(3, batch, [batch]),
    sigma: uniform(4, batch, [batch]),
    weight: uniform(5, batch, [batch]),
    ...(drops
      ? {
          dropoutKey: tensor(
            Int32Array.from({ length: 2 * batch }, (_, i) => i),
            [batch, 2],
          ),
        }
      : {}),
  });
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
    get report() {
      return trainStep.report;
    },
    async close() {
      await trainStep.dispose();
      disposeTree([inputs, state]);
    },
  };
}
