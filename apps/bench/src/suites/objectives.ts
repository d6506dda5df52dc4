/**
 * What a whole training step of each objective costs beside the passes through the network that it cannot do without: one
 * forward and one backward pass, and for consistency models one more forward pass, that of the target. Both take turns on
 * the same network and batch, so that the ratio is the machine's no more than it has to be.
 */
import { availableParallelism } from 'node:os';
import { streamNormal, streamUniform } from '@immiscible/random';
import {
  type Device,
  disposeTree,
  openDevice,
  tensor,
  type Tensor,
  valueAndGrad,
} from '@immiscible/tensor-core';
import {
  layoutOf,
  modelOf,
  objectiveOf,
  optimizerScalars,
  parseRunConfig,
  recipes,
  type RunConfig,
  sampleStreams,
  startOf,
  trainStepOf,
} from '@immiscible/trainer';
import { table } from '../format.ts';
import { median } from './median.ts';

export interface ObjectivesBenchOptions {
  /** default: all */
  readonly objectives?: readonly string[];
  /** default: all */
  readonly networks?: readonly string[];
  /** `cpu` (default), `webgpu`, `webgpu:software`, or an adapter's name */
  readonly device?: string;
  /** default 10 */
  readonly rounds?: number;
  readonly threads?: number;
  readonly onProgress?: (text: string) => void;
}

export interface ObjectivesBenchRow {
  readonly network: string;
  readonly objective: string;
  readonly parameters: number;
  /** [B, C, H, W] */
  readonly shape: readonly number[];
  /** forward passes; there is one backward pass */
  readonly forward: number;
  /** median milliseconds of the step: loss, gradients, clip, RAdam, averages */
  readonly step: number;
  /** median milliseconds of the passes alone */
  readonly passes: number;
  /** median of step / passes, round by round */
  readonly ratio: number;
}

export interface ObjectivesBenchReport {
  readonly suite: 'objectives';
  readonly node: string;
  readonly device: string;
  readonly threads: number;
  readonly rounds: number;
  readonly rows: readonly ObjectivesBenchRow[];
}

type Shape = readonly [number, number, number, number];

const LEARNING_RATE = 1e-4;

const schedulers: Readonly<Record<string, string>> = {
  denoising: 'DDIMScheduler',
  'consistency-training': 'CMStochasticIterativeScheduler',
  'improved-consistency-training': 'CMStochasticIterativeScheduler',
  edm: 'EDMHeunScheduler',
  'flow-matching': 'FlowMatchEulerDiscreteScheduler',
};

/** The objectives that can be timed. */
export const BENCH_OBJECTIVES: readonly string[] = Object.keys(schedulers);

/** The demo's U-Net, and an NCSN++ with everything that the one for CIFAR-10 has, a quarter as wide. */
const networks: Readonly<Record<string, { readonly model: object; readonly shape: Shape }>> = {
  demo: { model: recipes.demo.model, shape: [64, 1, 16, 16] },
  ncsnpp: {
    model: {
      _class_name: 'NCSNpp',
      sample_size: 32,
      in_channels: 3,
      out_channels: 3,
      model_channels: 32,
      channel_mult: [2, 2, 2],
      num_blocks: 1,
      attn_resolutions: [16],
      embedding_type: 'fourier',
      channel_mult_noise: 2,
      encoder_type: 'residual',
      resample_filter: [1, 3, 3, 1],
    },
    shape: [16, 3, 32, 32],
  },
};

/** The networks that can be timed. */
export const BENCH_NETWORKS: readonly string[] = Object.keys(networks);

function configOf(objective: string, model: object, [batchSize]: Shape): RunConfig {
  return parseRunConfig({
    data: { kind: 'fashion-mnist' },
    model,
    objective: { kind: objective },
    scheduler: { _class_name: schedulers[objective] },
    optimizer: { type: 'radam' },
    training: { steps: 1000, batchSize },
  });
}

function chosen(
  what: string,
  given: readonly string[] | undefined,
  known: readonly string[],
): readonly string[] {
  const unknown = given?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`objectives: there is no ${what} ${unknown}; use ${known.join(', ')}`);
  }
  return given ?? known;
}

/** Times the steps. @throws RangeError for a network or objective that there is not; DeviceError for such a device */
export async function runObjectivesBench(
  options: ObjectivesBenchOptions = {},
): Promise<ObjectivesBenchReport> {
  const { rounds = 10, threads = availableParallelism(), onProgress } = options;
  const objectives = chosen('objective', options.objectives, BENCH_OBJECTIVES);
  const names = chosen('network', options.networks, BENCH_NETWORKS);
  const device = await openDevice(options.device ?? 'cpu', { threads });
  const rows: ObjectivesBenchRow[] = [];
  try {
    for (const network of names) {
      for (const objective of objectives) {
        onProgress?.(`${network}, ${objective}`);
        const { model, shape } = networks[network]!;
        const config = configOf(objective, model, shape);
        const forward = objective.includes('consistency') ? 2 : 1;
        const [step, passes] = [
          await stepOf(device, config, shape),
          await passesOf(device, config, shape, forward),
        ];
        const times: { step: number; passes: number }[] = [];
        // Two rounds are not counted: compilation, and memory that is taken for the first time.
        for (let round = -2; round < rounds; round++) {
          const time = { step: await step.run(), passes: await passes.run() };
          if (round >= 0) times.push(time);
        }
        await step.close();
        await passes.close();
        rows.push({
          network,
          objective,
          parameters: layoutOf(config).size,
          shape,
          forward,
          step: median(times.map((time) => time.step)),
          passes: median(times.map((time) => time.passes)),
          ratio: median(times.map((time) => time.step / time.passes)),
        });
      }
    }
    const { node } = process.versions;
    return { suite: 'objectives', node, device: device.description, threads, rounds, rows };
  } finally {
    await device.dispose();
  }
}

/** Something that is timed. */
interface Timed {
  /** milliseconds until the device is done */
  run(): Promise<number>;
  close(): Promise<void>;
}

async function stepOf(device: Device, config: RunConfig, shape: Shape): Promise<Timed> {
  const objective = objectiveOf(config);
  const trainStep = trainStepOf(device, config);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  const batch = await device.put({
    x0: tensor(streamUniform(0, 0, new Float32Array(elements)), shape),
    noise: tensor(streamNormal(0, 1, new Float32Array(elements)), shape),
    ...objective.draws(500, sampleStreams(0, 0, shape)),
  });
  let state = await startOf(config);
  let k = 0;
  return {
    async run() {
      k += 1;
      const start = performance.now();
      const scalars = {
        ...optimizerScalars(config.optimizer, LEARNING_RATE, k),
        step: k,
        emaRate: 0.001,
        targetRate: 0.01,
      };
      const result = await trainStep.run(state, [batch], scalars);
      state = result.state;
      await trainStep.read([{ step: k, numbers: result.numbers }], state);
      return performance.now() - start;
    },
    async close() {
      await trainStep.dispose();
      disposeTree([batch, state]);
    },
  };
}

/** The network's value and gradient, and its value for other parameters and another sample where two are wanted. */
async function passesOf(device: Device, config: RunConfig, shape: Shape, forward: number): Promise<Timed> {
  const layout = layoutOf(config);
  const apply = modelOf(config);
  const elements = shape.reduce((product, extent) => product * extent, 1);
  const normal = (stream: number): Tensor =>
    tensor(streamNormal(0, stream, new Float32Array(elements)), shape);
  const { parameters, ema: other } = await startOf(config);
  const inputs = await device.put({
    parameters,
    other,
    samples: [normal(0), normal(1)],
    timestep: tensor(new Float32Array(shape[0]).fill(0.5), [shape[0]]),
  });
  const passes = device.compile(({ samples: [first, second], timestep, ...weights }: typeof inputs) => {
    const { value, gradients } = valueAndGrad((theta: ReturnType<typeof layout.split>) =>
      apply(theta, { sample: first!, timestep }).square().mean(),
    )(layout.split(weights.parameters));
    const beside = (): Tensor => apply(layout.split(weights.other), { sample: second!, timestep }).mean();
    return { value, gradient: layout.join(gradients), values: forward === 2 ? [beside()] : [] };
  });
  return {
    async run() {
      const start = performance.now();
      const result = await passes(inputs);
      await Promise.all([result.value, ...result.values].map((x) => x.item()));
      const milliseconds = performance.now() - start;
      disposeTree(result);
      return milliseconds;
    },
    async close() {
      await passes.dispose();
      disposeTree(inputs);
    },
  };
}

/** @returns lines for a terminal */
export function formatObjectivesBench({ device, node, rounds, rows }: ObjectivesBenchReport): string {
  const cells = rows.map((row) => [
    row.network,
    row.objective,
    row.parameters.toLocaleString('en'),
    row.shape.join('×'),
    `${row.forward} + 1`,
    row.passes.toFixed(1),
    row.step.toFixed(1),
    row.ratio.toFixed(2),
  ]);
  return [
    'A training step (loss, gradients, clip, RAdam, averages) beside the forward and backward passes in it; medians of rounds in which each takes a turn',
    `${device}; Node ${node}; ${rounds} rounds`,
    table(
      ['network', 'objective', 'parameters', 'batch', 'passes', 'passes ms', 'step ms', 'step / passes'],
      cells,
    ),
  ].join('\n');
}
