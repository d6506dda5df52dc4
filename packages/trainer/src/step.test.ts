import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { initModel } from '@immiscible/models';
import { streamNormal, streamUniform } from '@immiscible/random';
import { NoiseSchedule } from '@immiscible/schedulers';
import { disposeTree, DisposedError, leavesOf, tensor, type Tensor } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digest, floats, openData, relativeError, richModel, testDevice, tinyRun } from '../test/tiny.ts';
import { BatchSource } from './batches.ts';
import { type RunConfig } from './config.ts';
import { DivergedError, TrainerError } from './errors.ts';
import { ParameterLayout } from './layout.ts';
import { type AdamOptions, type Tensors } from './optim/adam.ts';
import { optimizerScalars } from './optim/optimizer.ts';
import { denoising } from './objectives/denoising.ts';
import { objectiveOf } from './objectives/objective-of.ts';
import { layoutOf, trainStepOf } from './parts.ts';
import { initialState, type TrainState } from './state.ts';
import { type ApplyModel, compileTrainStep, type StepBatch, type TrainStep } from './step.ts';
import { type StepScalars } from './update.ts';

const opened = testDevice();
const adam: AdamOptions = { type: 'adam', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 };

function scalarsAt(step: number, learningRate = 1e-3): StepScalars {
  return { ...optimizerScalars(adam, learningRate, step), step, emaRate: 0.25 };
}

async function start(config: RunConfig): Promise<TrainState> {
  return initialState(layoutOf(config), initModel(config.model, config.seed));
}

async function batchesOf(config: RunConfig, count: number): Promise<StepBatch[]> {
  const source = new BatchSource(config, await openData(config), objectiveOf(config));
  const batches: StepBatch[] = [];
  for (let i = 0; i < count; i++) batches.push((await source.next()).batch);
  return batches;
}

/** The elements of every part of a state, copied. */
async function valuesOf(state: TrainState): Promise<Record<keyof TrainState, Float32Array>> {
  const values: Record<string, Float32Array> = {};
  for (const { path, tensor: x } of leavesOf(state)) values[path] = Float32Array.from(await x.data());
  return values;
}

/** Four samples of 1×2×2. */
function smallBatch(change: (x0: Float32Array) => void = () => undefined): StepBatch {
  const x0 = streamUniform(3, 0, new Float32Array(16)).map((u) => 2 * u - 1);
  change(x0);
  return {
    x0: tensor(x0, [4, 1, 2, 2]),
    noise: tensor(streamNormal(3, 1, new Float32Array(16)), [4, 1, 2, 2]),
    timesteps: floats([1, 200, 600, 999]),
    alpha: floats([0.99, 0.8, 0.4, 0.1]),
    sigma: floats([0.14, 0.6, 0.91, 0.99]),
    weight: floats([1, 1, 0.5, 2]),
  };
}

function compileSmall(apply: ApplyModel, names: readonly string[], maxGradientNorm?: number) {
  const layout = new ParameterLayout(Object.fromEntries(names.map((name) => [name, { shape: [1] }])));
  const step = compileTrainStep(opened.device, {
    layout,
    apply,
    objective: denoising({
      schedule: new NoiseSchedule({ _class_name: 'DDPMScheduler' }),
      lossWeighting: { kind: 'uniform' },
      offsetNoise: 0,
    }),
    optimizer: adam,
    maxGradientNorm,
    lossScale: undefined,
    readEvery: 1,
  });
  const from = (values: Readonly<Record<string, number>>): Promise<TrainState> =>
    initialState(layout, Object.fromEntries(names.map((name) => [name, floats([values[name]!])])));
  return { step, from };
}

/** A step and its numbers, read at once. */
async function take(
  step: TrainStep,
  state: TrainState,
  batches: readonly StepBatch[],
  k: number,
  learningRate?: number,
): Promise<{ state: TrainState; loss: number; gradientNorm: number }> {
  const result = await step.run(state, batches, scalarsAt(k, learningRate));
  const [numbers] = await step.read([{ step: k, numbers: result.numbers }], result.state);
  return { state: result.state, loss: numbers!.loss, gradientNorm: numbers!.gradientNorm };
}

describe('a step of the model w · x_t, where everything is known', () => {
  it('has the loss, gradient, update and average of pencil and paper', async () => {
    const { step, from } = compileSmall((p, { sample }) => sample.mul(p['w']!), ['w']);
    const batch = smallBatch();
    const [x0, noise, alpha, sigma, weight] = await Promise.all(
      (['x0', 'noise', 'alpha', 'sigma', 'weight'] as const).map((name) => batch[name]!.data()),
    );
    const w = 0.3;
    let [loss, slope] = [0, 0];
    for (let e = 0; e < 16; e++) {
      const i = Math.floor(e / 4);
      const xt = alpha![i]! * x0![e]! + sigma![i]! * noise![e]!;
      const error = w * xt - noise![e]!;
      loss += (weight![i]! * error ** 2) / 16;
      slope += (weight![i]! * 2 * error * xt) / 16;
    }
    const result = await take(step, await from({ w }), [batch], 1);
    expect(result.loss / loss).toBeCloseTo(1, 6);
    expect(result.gradientNorm / Math.abs(slope)).toBeCloseTo(1, 6);
    const { parameters, firstMoments, secondMoments, ema } = await valuesOf(result.state);
    const next = w - 1e-3 * Math.sign(slope);
    expect(parameters[0]! / next).toBeCloseTo(1, 6);
    expect(firstMoments[0]! / (0.1 * slope)).toBeCloseTo(1, 5);
    expect(secondMoments[0]! / (1e-3 * slope ** 2)).toBeCloseTo(1, 5);
    expect(ema[0]! / (0.75 * w + 0.25 * next)).toBeCloseTo(1, 6);
    await step.dispose();
  });

  it('clips before the optimizer, and reports the norm from before', async () => {
    const limits = [1e-3, undefined];
    const moments: number[] = [];
    const norms: number[] = [];
    for (const limit of limits) {
      const { step, from } = compileSmall((p, { sample }) => sample.mul(p['w']!), ['w'], limit);
      const { state, gradientNorm } = await take(step, await from({ w: 0.3 }), [smallBatch()], 1);
      moments.push(Math.abs((await valuesOf(state)).firstMoments[0]!));
      norms.push(gradientNorm);
      await step.dispose();
    }
    expect(moments[0]).toBeCloseTo(0.1 * 1e-3, 8);
    expect(moments[1]! / (0.1 * norms[1]!)).toBeCloseTo(1, 5);
    expect(norms[0]).toBe(norms[1]);
  });

  it('wants a micro-batch', async () => {
    const { step, from } = compileSmall((p, { sample }) => sample.mul(p['w']!), ['w']);
    await expect(take(step, await from({ w: 1 }), [], 1)).rejects.toThrow(TrainerError);
    await step.dispose();
  });
});

describe('a step that is not finite', () => {
  it('names the step and the first parameter where an image is NaN', async () => {
    const { step, from } = compileSmall((p, { sample }) => sample.mul(p['b']!).add(p['a']!), ['a', 'b'], 1);
    const state = await from({ a: 0, b: 1 });
    const bad = smallBatch((x0) => (x0[5] = NaN));
    const failed = take(step, state, [bad], 7);
    await expect(failed).rejects.toThrow(DivergedError);
    await expect(failed).rejects.toThrow(
      /^step 7: the loss is NaN .* not finite is in a; lower the learning rate/,
    );
    await step.dispose();
  });

  it.each([undefined, 1])('names the parameter whose gradient alone is bad (clipping: %s)', async (limit) => {
    // √|b| is 0 at 0, and its slope there is not finite.
    const apply: ApplyModel = (p, { sample }) => sample.mul(p['a']!).add(p['b']!.abs().sqrt()).mul(p['c']!);
    const { step, from } = compileSmall(apply, ['a', 'b', 'c'], limit);
    const failed = take(step, await from({ a: 1, b: 0, c: 1 }), [smallBatch()], 3);
    await expect(failed).rejects.toThrow(/^step 3: the loss is \d.* not finite is in b;/);
    await step.dispose();
  });

  it('is the one after a step with a learning rate that is far too large', async () => {
    const { step, from } = compileSmall((p, { sample }) => sample.mul(p['w']!), ['w'], 1);
    const { state, loss } = await take(step, await from({ w: 1 }), [smallBatch()], 1, 1e30);
    expect(loss).toBeLessThan(10);
    const next = take(step, state, [smallBatch()], 2, 1e30);
    await expect(next).rejects.toThrow(/^step 2: the loss is Infinity/);
    await step.dispose();
  });
});

describe('steps of a UNet', () => {
  const config = tinyRun();
  let step: TrainStep;
  let batches: StepBatch[];
  beforeAll(async () => {
    step = trainStepOf(opened.device, config);
    batches = await batchesOf(config, 4);
  });
  afterAll(() => step.dispose());

  it('add up two micro-batches of 8 to what one batch of 16 gives', async () => {
    const halves = await batchesOf(
      tinyRun({ training: { batchSize: 8 }, assignment: { method: 'identity' } }),
      2,
    );
    const [whole] = await batchesOf(tinyRun({ assignment: { method: 'identity' } }), 1);
    const one = await take(step, await start(config), [whole!], 1);
    const two = await take(step, await start(config), halves, 1);
    expect(two.loss / one.loss).toBeCloseTo(1, 6);
    expect(two.gradientNorm / one.gradientNorm).toBeCloseTo(1, 5);
    const [a, b] = [await valuesOf(one.state), await valuesOf(two.state)];
    // Moments are the gradient up to a factor; the parameters' first step is its sign alone, and would hide the rest.
    expect(relativeError(b.firstMoments, a.firstMoments)).toBeLessThan(1e-5);
    expect(relativeError(b.secondMoments, a.secondMoments)).toBeLessThan(1e-5);
    disposeTree([one.state, two.state]);
  });

  it('take their state over: the old handles are gone', async () => {
    const state = await start(config);
    const { state: next } = await take(step, state, [batches[0]!], 1);
    for (const { path, tensor: old } of leavesOf(state)) {
      await expect(old.data(), path).rejects.toThrow(DisposedError);
    }
    for (const { tensor: value } of leavesOf(next)) {
      expect((await value.data()).every(Number.isFinite)).toBe(true);
    }
    disposeTree(next);
  });

  it('leave the batch alone, so that it can be used again', async () => {
    const run = async (): Promise<number> => {
      const { state, loss } = await take(step, await start(config), [batches[1]!], 1);
      disposeTree(state);
      return loss;
    };
    expect(await run()).toBe(await run());
  });

  it('leak nothing over 200 steps: as many buffers, as many bytes, and no more memory', async () => {
    setFlagsFromString('--expose_gc');
    const collect = runInNewContext('gc') as () => void;
    const memory = (): number => {
      collect();
      return process.memoryUsage().rss;
    };
    let state = await start(config);
    const before = opened.device.liveBuffers();
    const train = async (from: number, to: number): Promise<void> => {
      for (let k = from; k <= to; k++) {
        ({ state } = await take(step, state, [batches[k % batches.length]!], k));
      }
    };
    await train(1, 40);
    const early = { buffers: opened.device.liveBuffers(), memory: memory() };
    await train(41, 240);
    expect(opened.device.liveBuffers()).toEqual(early.buffers);
    // One state of a step kept by mistake would be 200 times 1 MiB.
    expect(memory() - early.memory).toBeLessThan(48 * 2 ** 20);
    disposeTree(state);
    expect(opened.device.liveBuffers()).toEqual(before);
  });

  it('leak nothing when they accumulate', async () => {
    // The first step compiles, and compiled programs hold their constants.
    disposeTree((await take(step, await start(config), batches.slice(0, 3), 1)).state);
    const before = opened.device.liveBuffers();
    let state = await start(config);
    const counts = new Set<string>();
    for (let k = 1; k <= 12; k++) {
      ({ state } = await take(step, state, batches.slice(0, 3), k));
      counts.add(JSON.stringify(opened.device.liveBuffers()));
    }
    expect([...counts]).toHaveLength(1);
    disposeTree(state);
    expect(opened.device.liveBuffers()).toEqual(before);
  });
});

describe('steps with dropout, attention and classes', () => {
  it('give the same numbers again, and others for other masks', async () => {
    const config = tinyRun({ model: richModel });
    const step = trainStepOf(opened.device, config);
    const batches = await batchesOf(config, 3);
    const run = async (given: readonly StepBatch[]): Promise<{ losses: number[]; parameters: string }> => {
      let state = await start(config);
      const losses: number[] = [];
      for (const [i, batch] of given.entries()) {
        const result = await take(step, state, [batch], i + 1);
        state = result.state;
        losses.push(result.loss);
      }
      const { parameters } = await valuesOf(state);
      disposeTree(state);
      return { losses, parameters: digest(parameters) };
    };
    const first = await run(batches);
    expect(await run(batches)).toEqual(first);
    const key: Tensor = tensor(
      Int32Array.from({ length: 32 }, (_, i) => 1000 + i),
      [16, 2],
    );
    const others = await run(batches.map((batch) => ({ ...batch, dropoutKey: key })));
    expect(others.losses[0]).not.toBe(first.losses[0]);
    const labels: Tensor = tensor(new Int32Array(16).fill(9), [16]);
    const relabelled = await run(batches.map((batch) => ({ ...batch, labels })));
    expect(relabelled.losses[0]).not.toBe(first.losses[0]);
    await step.dispose();
  });
});

describe('ParameterLayout', () => {
  const parameters: Tensors = { b: floats([3, 4, 5, 6], [2, 2]), a: floats([1, 2]) };
  const layout = new ParameterLayout(parameters);

  it('lays parameters out by name, and finds them again on the host and in programs', async () => {
    const vector = await layout.pack(parameters);
    expect([...(await vector.data())]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([0, 1, 2, 5].map((index) => layout.nameAt(index))).toEqual(['a', 'a', 'b', 'b']);
    for (const record of [await layout.unpack(vector), layout.split(vector)]) {
      expect(Object.keys(record)).toEqual(['a', 'b']);
      expect(record['b']!.shape).toEqual([2, 2]);
      expect([...(await record['b']!.data())]).toEqual([3, 4, 5, 6]);
    }
    expect([...(await layout.join(parameters).data())]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('names a parameter that is missing, left over or of another shape', async () => {
    const { a, b } = parameters;
    await expect(layout.pack({ a: a! })).rejects.toThrow('parameter b: wants [2, 2], got nothing');
    await expect(layout.pack({ a: a!, b: floats([1, 2, 3, 4]) })).rejects.toThrow(
      'parameter b: wants [2, 2], got [4]',
    );
    await expect(layout.pack({ a: a!, b: b!, extra: a! })).rejects.toThrow('has no parameters extra');
  });
});
