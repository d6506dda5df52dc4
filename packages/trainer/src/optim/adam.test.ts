import { type Tensor, tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, goldenJson, relativeError, testDevice } from '../../test/tiny.ts';
import { type AdamOptions, adamScalars, type AdamState, adamUpdate, type Tensors } from './adam.ts';

interface Recorded {
  readonly tolerance: number;
  readonly shapes: Readonly<Record<string, number[]>>;
  readonly parameters: Readonly<Record<string, number[]>>;
  readonly gradients: readonly Readonly<Record<string, number[]>>[];
  readonly optimizers: readonly {
    readonly name: string;
    readonly optimizer: string;
    readonly options: {
      readonly lr: number;
      readonly betas: readonly [number, number];
      readonly eps: number;
      readonly weightDecay: number;
    };
    readonly after: readonly Readonly<Record<string, number[]>>[];
  }[];
}

const recorded = goldenJson<Recorded>('optim.json');
const types: Readonly<Record<string, AdamOptions['type']>> = { Adam: 'adam', AdamW: 'adamw' };
const ours = recorded.optimizers.filter(({ optimizer }) => optimizer in types);
const opened = testDevice();

function tensorsOf(values: Readonly<Record<string, number[]>>): Tensors {
  return Object.fromEntries(
    Object.entries(values).map(([name, list]) => [name, floats(list, recorded.shapes[name])]),
  );
}

function scalarTensors(options: AdamOptions, learningRate: number, step: number) {
  const { learningRate: eta, stepSize, inverseRootCorrection } = adamScalars(options, learningRate, step);
  return {
    learningRate: tensor(eta),
    stepSize: tensor(stepSize),
    inverseRootCorrection: tensor(inverseRootCorrection),
  };
}

function atZero(parameters: Tensors): AdamState {
  const zeros = (): Tensors =>
    Object.fromEntries(
      Object.entries(parameters).map(([name, x]) => [name, tensor(new Float32Array(x.size), x.shape)]),
    );
  return { parameters, firstMoments: zeros(), secondMoments: zeros() };
}

type UpdateInputs = {
  readonly state: AdamState;
  readonly gradients: Tensors;
  readonly scalars: ReturnType<typeof scalarTensors>;
} & Readonly<Record<string, AdamState | Tensors>>;

function compileUpdate(options: AdamOptions) {
  return opened.device.compile(
    ({ state, gradients, scalars }: UpdateInputs) => adamUpdate(options, state, gradients, scalars),
    { donate: ['state'] },
  );
}

describe('adamUpdate', () => {
  it.each(ours.map((row) => [row.name, row] as const))(
    '%s: ten steps as PyTorch takes them',
    async (_, { optimizer, options: { lr, ...rest }, after }) => {
      const options: AdamOptions = { type: types[optimizer]!, ...rest };
      const update = compileUpdate(options);
      let state = atZero(tensorsOf(recorded.parameters));
      for (const [i, expected] of after.entries()) {
        const gradients = tensorsOf(recorded.gradients[i]!);
        state = await update({ state, gradients, scalars: scalarTensors(options, lr, i + 1) });
        for (const [name, values] of Object.entries(expected)) {
          const error = relativeError(await state.parameters[name]!.data(), values);
          expect(error, `${name} after step ${i + 1}`).toBeLessThanOrEqual(recorded.tolerance);
        }
      }
      await update.dispose();
    },
  );

  it('covers Adam with and without L2, and AdamW, of the recordings', () => {
    expect(ours.map(({ name }) => name)).toEqual([
      'adam',
      'adam-beta1-0.95',
      'adam-l2',
      'adamw',
      'adamw-beta1-0.95',
    ]);
  });

  it('moves each parameter by the learning rate in its first step, whatever the size of the gradient', async () => {
    const options: AdamOptions = { type: 'adam', betas: [0.9, 0.999], eps: 1e-12, weightDecay: 0 };
    const gradient = [1e-4, -3, 700, -1e-2];
    const update = compileUpdate(options);
    const { parameters } = await update({
      state: atZero({ w: floats([0, 0, 0, 0]) }),
      gradients: { w: floats(gradient) },
      scalars: scalarTensors(options, 0.25, 1),
    });
    const expected = gradient.map((g) => -0.25 * Math.sign(g));
    expect(relativeError(await parameters['w']!.data(), expected)).toBeLessThan(1e-6);
    await update.dispose();
  });

  it('shrinks weights in AdamW by the learning rate times the decay, and no other way, where there is no gradient', async () => {
    const options: AdamOptions = { type: 'adamw', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.1 };
    const update = compileUpdate(options);
    const zero: Tensor = floats([0, 0]);
    const { parameters } = await update({
      state: atZero({ w: floats([2, -4]) }),
      gradients: { w: zero },
      scalars: scalarTensors(options, 0.5, 1),
    });
    expect(relativeError(await parameters['w']!.data(), [1.9, -3.8])).toBeLessThan(1e-7);
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
