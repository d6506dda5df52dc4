import { streamNormal, streamUniform } from '@immiscible/random';
import { tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { ParameterLayout } from '../src/layout.ts';
import { objectiveOf } from '../src/objectives/objective-of.ts';
import { type OptimizerOptions, optimizerScalars } from '../src/optim/optimizer.ts';
import { type Tensors } from '../src/optim/adam.ts';
import { sampleStreams } from '../src/sample-streams.ts';
import { initialState } from '../src/state.ts';
import { type ApplyModel, compileTrainStep, type StepBatch } from '../src/step.ts';
import { goldenJson, type Overrides, relativeError, testDevice, tinyRun } from './tiny.ts';

interface Recorded {
  readonly tolerance: number;
  readonly seed: number;
  readonly steps: number;
  readonly shape: readonly [number, number, number, number];
  readonly adam: { readonly lr: number; readonly betas: [number, number]; readonly eps: number };
  readonly streams: { readonly images: number; readonly noise: number };
  readonly network: readonly { name: string; shape: number[]; stream: number; lo: number; hi: number }[];
  readonly cases: readonly {
    readonly name: string;
    readonly objective: Overrides & { readonly kind: string };
    readonly scheduler: Overrides;
    readonly timeScale: number;
    readonly losses: number[];
    readonly parameters: Readonly<Record<string, number[]>>;
    readonly target?: Readonly<Record<string, number[]>>;
  }[];
}

const recorded = goldenJson<Recorded>('objectives.json');
const { seed, shape, adam, network } = recorded;
const elements = shape[0] * shape[1] * shape[2] * shape[3];
const optimizer: OptimizerOptions = { type: 'adam', betas: adam.betas, eps: adam.eps, weightDecay: 0 };
const opened = testDevice();

function uniform(stream: number, size: number, lo: number, hi: number): Float32Array {
  return streamUniform(seed, stream, new Float32Array(size)).map((u) => lo + (hi - lo) * u);
}

function parameters(): Tensors {
  return Object.fromEntries(
    network.map(({ name, shape: own, stream, lo, hi }) => {
      const size = own.reduce((product, extent) => product * extent, 1);
      return [name, tensor(uniform(stream, size, lo, hi), own)];
    }),
  );
}

/** W2 tanh(W1 x + t · scale · w + b1) + b2 */
function networkOf(timeScale: number): ApplyModel {
  return (theta, { sample, timestep }) => {
    const time = timestep.mul(timeScale).reshape([-1, 1]).mul(theta['w']!);
    const h = sample
      .reshape([shape[0], -1])
      .matmul(theta['w1']!.transpose([1, 0]))
      .add(time)
      .add(theta['b1']!);
    return h
      .tanh()
      .matmul(theta['w2']!.transpose([1, 0]))
      .add(theta['b2']!)
      .reshape(shape);
  };
}

describe('twenty steps, as PyTorch takes them', () => {
  it.each(recorded.cases)('$name', async ({ objective: chosen, scheduler, timeScale, ...expected }) => {
    const config = tinyRun({ objective: chosen, scheduler, training: { steps: recorded.steps } });
    const objective = objectiveOf(config);
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
    let state = await initialState(layout, parameters(), { target: expected.target !== undefined });
    const losses: number[] = [];
    for (let k = 0; k < recorded.steps; k++) {
      const batch: StepBatch = {
        x0: tensor(uniform(recorded.streams.images + k, elements, -1, 1), shape),
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
