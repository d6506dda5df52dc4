import { type Tensor, tensor, type Tree } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, goldenJson, relativeError, testDevice } from '../../test/tiny.ts';
import { type AdamState } from './adam.ts';
import {
  type OptimizerOptions,
  optimizerScalars,
  optimizerScalarsOnDevice,
  type OptimizerScalarTensors,
  optimizerUpdate,
} from './optimizer.ts';
import { type DeviceCorrections } from './radam.ts';

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
      readonly decoupledWeightDecay?: boolean;
    };
    readonly after: readonly Readonly<Record<string, number[]>>[];
  }[];
}

const recorded = goldenJson<Recorded>('optim.json');
const types: Readonly<Record<string, OptimizerOptions['type']>> = {
  Adam: 'adam',
  AdamW: 'adamw',
  RAdam: 'radam',
};
const names = Object.keys(recorded.shapes);
const opened = testDevice();

/** All parameters of a recording as one vector, as a training state holds them. */
function vector(values: Readonly<Record<string, number[]>>): Tensor {
  return floats(names.flatMap((name) => values[name]!));
}

function scalarTensors(options: OptimizerOptions, rate: number, step: number): OptimizerScalarTensors {
  const { learningRate, stepSize, inverseRootCorrection, momentumSize } = optimizerScalars(
    options,
    rate,
    step,
  );
  return {
    learningRate: tensor(learningRate),
    stepSize: tensor(stepSize),
    inverseRootCorrection: tensor(inverseRootCorrection),
    momentumSize: tensor(momentumSize),
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
  readonly scalars: { readonly [name in keyof OptimizerScalarTensors]: Tensor };
}

type DeviceInputs = {
  readonly scalars: UpdateInputs['scalars'];
  readonly corrections: { readonly [name in keyof DeviceCorrections]: Tensor };
};

describe('optimizerUpdate', () => {
  it.each(recorded.optimizers.map((row) => [row.name, row] as const))(
    '%s: twenty steps as PyTorch takes them',
    async (_, { optimizer, options: { lr, ...rest }, after }) => {
      const options = { type: types[optimizer]!, ...rest };
      const update = opened.device.compile(
        ({ state, gradient, scalars }: UpdateInputs) => optimizerUpdate(options, state, gradient, scalars),
        { donate: ['state'] },
      );
      let state = atZero(vector(recorded.parameters));
      expect(after).toHaveLength(20);
      for (const [i, expected] of after.entries()) {
        const gradient = vector(recorded.gradients[i]!);
        state = await update({ state, gradient, scalars: scalarTensors(options, lr, i + 1) });
        const values = await state.parameters.data();
        let offset = 0;
        for (const name of names) {
          const own = values.subarray(offset, (offset += expected[name]!.length));
          const error = relativeError(own, expected[name]!);
          expect(error, `${name} after step ${i + 1}`).toBeLessThanOrEqual(recorded.tolerance);
        }
      }
      await update.dispose();
    },
  );

  it('covers Adam and RAdam with every kind of weight decay, and AdamW, of the recordings', () => {
    expect(recorded.optimizers.map(({ name }) => name)).toEqual([
      'adam',
      'adam-beta1-0.95',
      'adam-l2',
      'adamw',
      'adamw-beta1-0.95',
      'radam',
      'radam-beta1-0.95',
      'radam-beta2-0.99',
      'radam-beta2-0.5',
      'radam-l2',
      'radam-decoupled',
    ]);
  });
});

describe('optimizerScalarsOnDevice', () => {
  const settings: [string, OptimizerOptions][] = (['adam', 'radam'] as const).flatMap((type) =>
    [0.999, 0.99, 0.5].map((beta2): [string, OptimizerOptions] => [
      `${type}, β₂ ${beta2}`,
      { type, betas: [0.9, beta2], eps: 1e-8, weightDecay: 0 },
    ]),
  );

  it.each(settings)('%s: what the host says of the same step, to 3e-7', async (_, options) => {
    const onDevice = opened.device.compile(({ scalars, corrections }: DeviceInputs) =>
      optimizerScalarsOnDevice(options, scalars, corrections),
    );
    for (const step of [1, 2, 3, 4, 5, 6, 7, 8, 12, 30, 100, 499, 501, 700, 2000, 30_000]) {
      const [beta1, beta2] = options.betas;
      const { stepSize, momentumSize } = await onDevice({
        scalars: scalarTensors(options, 2e-4, 77),
        corrections: {
          updates: tensor(step),
          firstCorrection: tensor(1 - beta1 ** step),
          secondCorrection: tensor(1 - beta2 ** step),
        },
      });
      const expected = optimizerScalars(options, 2e-4, step);
      const got = Float32Array.of(await stepSize.item(), await momentumSize.item());
      expect(relativeError(got, [expected.stepSize, expected.momentumSize]), `step ${step}`).toBeLessThan(
        3e-7,
      );
    }
    await onDevice.dispose();
  });
});
