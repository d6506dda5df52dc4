import { streamNormal, streamUniform } from '@immiscible/random';
import { tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { ParameterLayout } from '../src/layout.ts';
import { type RunConfig } from '../src/config.ts';
import { objectiveOf } from '../src/objectives/objective-of.ts';
import { type Objective } from '../src/objectives/objective.ts';
import { type OptimizerOptions, optimizerScalars } from '../src/optim/optimizer.ts';
import { type Tensors } from '../src/optim/adam.ts';
import { sampleStreams } from '../src/sample-streams.ts';
import { initialState } from '../src/state.ts';
import { type ApplyModel, compileTrainStep, type StepBatch } from '../src/step.ts';
import { goldenJson, type Overrides, relativeError, testDevice, tinyRun } from './tiny.ts';

/** A tensor of uniform numbers in [lo, hi). */
interface Drawn {
  readonly name: string;
  readonly shape: number[];
  readonly stream: number;
  readonly lo: number;
  readonly hi: number;
}

interface Setting {
  readonly shape: readonly [number, number, number, number];
  readonly adam: { readonly lr: number; readonly betas: [number, number]; readonly eps: number };
  readonly network: readonly Drawn[];
}

interface Recorded extends Setting {
  readonly tolerance: number;
  readonly seed: number;
  readonly steps: number;
  readonly streams: { readonly images: number; readonly noise: number };
  readonly lpipsSeed: number;
  readonly lpips: readonly Drawn[];
  readonly cases: readonly (Partial<Setting> & {
    readonly name: string;
    readonly objective: Overrides & { readonly kind: string };
    readonly scheduler: Overrides;
    readonly training?: Overrides;
    readonly timeScale: number;
    readonly losses: number[];
    readonly parameters: Readonly<Record<string, number[]>>;
    readonly target?: Readonly<Record<string, number[]>>;
  })[];
}

const recorded = goldenJson<Recorded>('objectives.json');
const { seed } = recorded;
const opened = testDevice();

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

function uniform(own: number, stream: number, size: number, lo: number, hi: number): Float32Array {
  return streamUniform(own, stream, new Float32Array(size)).map((u) => lo + (hi - lo) * u);
}

function drawn(own: number, rows: readonly Drawn[]): Tensors {
  return Object.fromEntries(
    rows.map(({ name, shape, stream, lo, hi }) => [
      name,
      tensor(uniform(own, stream, sizeOf(shape), lo, hi), shape),
    ]),
  );
}

/** W2 tanh(W1 x + t · scale · w + b1) + b2 */
function networkOf(timeScale: number): ApplyModel {
  return (theta, { sample, timestep }) => {
    const time = timestep.mul(timeScale).reshape([-1, 1]).mul(theta['w']!);
    const h = sample
      .reshape([sample.shape[0]!, -1])
      .matmul(theta['w1']!.transpose([1, 0]))
      .add(time)
      .add(theta['b1']!);
    return h
      .tanh()
      .matmul(theta['w2']!.transpose([1, 0]))
      .add(theta['b2']!)
      .reshape(sample.shape);
  };
}

/** The objective of a case; what it would read from files, it gets from the streams that the recording drew it from. */
function objectiveFor(config: RunConfig): Objective {
  const objective = objectiveOf(config);
  if (!objective.readFrozen) return objective;
  return { ...objective, readFrozen: async () => drawn(recorded.lpipsSeed, recorded.lpips) };
}

describe('twenty steps, as PyTorch takes them', () => {
  it.each(recorded.cases)('$name', async ({ objective: chosen, scheduler, timeScale, ...expected }) => {
    const { shape, adam, network } = { ...recorded, ...expected };
    const elements = sizeOf(shape);
    const optimizer: OptimizerOptions = { type: 'adam', betas: adam.betas, eps: adam.eps, weightDecay: 0 };
    const training = { steps: recorded.steps, ...expected.training };
    const objective = objectiveFor(tinyRun({ objective: chosen, scheduler, training }));
    const layout = new ParameterLayout(
      Object.fromEntries(network.map(({ name, shape: own }) => [name, { shape: own }])),
    );
    const step = compileTrainStep(opened.device, {
      layout,
      apply: networkOf(timeScale),
      objective,
      optimizer,
      maxGradientNorm: undefined,
      lossScale: undefined,
      readEvery: 1,
    });
    let state = await initialState(layout, drawn(seed, network), { target: expected.target !== undefined });
    const losses: number[] = [];
    for (let k = 0; k < recorded.steps; k++) {
      const batch: StepBatch = {
        x0: tensor(uniform(seed, recorded.streams.images + k, elements, -1, 1), shape),
        noise: tensor(streamNormal(seed, recorded.streams.noise + k, new Float32Array(elements)), shape),
        ...objective.draws(k, sampleStreams(seed, k * shape[0], shape)),
      };
      const { state: next, numbers } = await step.run(state, [batch], {
        ...optimizerScalars(optimizer, adam.lr, k + 1),
        step: k + 1,
        emaRate: 1,
        targetRate: 1 - (objective.targetDecay?.(k) ?? 1),
      });
      state = next;
      losses.push((await step.read([{ step: k + 1, numbers }], state))[0]!.loss);
    }
    const apart = losses.map((loss, k) => Math.abs(loss / expected.losses[k]! - 1));
    expect(Math.max(...apart)).toBeLessThanOrEqual(recorded.tolerance);
    const after = { parameters: state.parameters, target: state.target };
    for (const part of ['parameters', 'target'] as const) {
      for (const [name, values] of Object.entries(expected[part] ?? {})) {
        const own = (await layout.unpack(after[part]!))[name]!;
        const error = relativeError(await own.data(), values);
        expect(error, `${part}.${name}`).toBeLessThanOrEqual(2 * recorded.tolerance);
      }
    }
    await step.dispose();
  });
});
