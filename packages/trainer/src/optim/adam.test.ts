import { type Tensor, tensor, type Tree } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, relativeError, testDevice } from '../../test/tiny.ts';
import { type AdamOptions, adamScalars, type AdamState, adamUpdate } from './adam.ts';

const opened = testDevice();

function scalarTensors(options: AdamOptions, rate: number, step: number) {
  const { learningRate, stepSize, inverseRootCorrection } = adamScalars(options, rate, step);
  return {
    learningRate: tensor(learningRate),
    stepSize: tensor(stepSize),
    inverseRootCorrection: tensor(inverseRootCorrection),
  };
}

function atZero(parameters: Tensor): AdamState {
  const zeros = (): Tensor => tensor(new Float32Array(parameters.size), parameters.shape);
  return { parameters, firstMoments: zeros(), secondMoments: zeros() };
}

interface UpdateInputs {
  readonly [key: string]: Tree;
  readonly state: AdamState;
  readonly gradient: Tensor;
  readonly scalars: ReturnType<typeof scalarTensors>;
}

function compileUpdate(options: AdamOptions) {
  return opened.device.compile(
    ({ state, gradient, scalars }: UpdateInputs) => adamUpdate(options, state, gradient, scalars),
    { donate: ['state'] },
  );
}

describe('adamUpdate', () => {
  it('moves each parameter by the learning rate in its first step, whatever the size of the gradient', async () => {
    const options: AdamOptions = { type: 'adam', betas: [0.9, 0.999], eps: 1e-12, weightDecay: 0 };
    const gradient = [1e-4, -3, 700, -1e-2];
    const update = compileUpdate(options);
    const { parameters } = await update({
      state: atZero(floats([0, 0, 0, 0])),
      gradient: floats(gradient),
      scalars: scalarTensors(options, 0.25, 1),
    });
    const expected = gradient.map((g) => -0.25 * Math.sign(g));
    expect(relativeError(await parameters.data(), expected)).toBeLessThan(1e-6);
    await update.dispose();
  });

  it('shrinks weights in AdamW by the learning rate times the decay, and no other way, where there is no gradient', async () => {
    const options: AdamOptions = { type: 'adamw', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.1 };
    const update = compileUpdate(options);
    const { parameters } = await update({
      state: atZero(floats([2, -4])),
      gradient: floats([0, 0]),
      scalars: scalarTensors(options, 0.5, 1),
    });
    expect(relativeError(await parameters.data(), [1.9, -3.8])).toBeLessThan(1e-7);
    await update.dispose();
  });
});

describe('adamScalars', () => {
  const options: AdamOptions = { type: 'adam', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 };

  it('corrects for moments that began at zero, in float64', () => {
    const { learningRate, stepSize, inverseRootCorrection } = adamScalars(options, 2e-4, 3);
    expect(learningRate).toBe(2e-4);
    expect(stepSize).toBeCloseTo(2e-4 / 0.271, 15);
    expect(inverseRootCorrection ** 2 * (1 - 0.999 ** 3)).toBeCloseTo(1, 14);
  });

  it('ends at the learning rate itself', () => {
    expect(adamScalars(options, 2e-4, 1_000_000)).toEqual({
      learningRate: 2e-4,
      stepSize: 2e-4,
      inverseRootCorrection: 1,
    });
  });
});
