import { disposeTree, type Tensor, tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, goldenJson, relativeError, testDevice } from '../test/tiny.ts';
import { ParameterLayout } from './layout.ts';
import { type LossScaleOptions } from './optim/loss-scale.ts';
import { type OptimizerOptions, optimizerScalars } from './optim/optimizer.ts';
import { initialState, type TrainState } from './state.ts';
import { readSteps } from './step-numbers.ts';
import { type ScalarTensors, type Update, type UpdateOptions, updateState } from './update.ts';

interface Recorded {
  readonly tolerance: number;
  readonly maxNorm: number;
  readonly scaler: Omit<LossScaleOptions, 'floor'>;
  readonly parameters: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly overflows: readonly { readonly step: number; readonly entry: number; readonly value: string }[];
  readonly optimizers: readonly {
    readonly name: string;
    readonly optimizer: 'Adam' | 'AdamW' | 'RAdam';
    readonly options: {
      readonly lr: number;
      readonly betas: readonly [number, number];
      readonly eps: number;
      readonly weightDecay: number;
    };
    readonly after: readonly {
      readonly parameters: readonly number[];
      readonly scaleBefore: number;
      readonly scale: number;
      readonly streak: number;
      readonly skipped: boolean;
    }[];
  }[];
}

const recorded = goldenJson<Recorded>('scaler.json');
const opened = testDevice();
const types = { Adam: 'adam', AdamW: 'adamw', RAdam: 'radam' } as const;
const nonFinite: Readonly<Record<string, number>> = { inf: Infinity, '-inf': -Infinity, nan: NaN };
const adam: OptimizerOptions = { type: 'adam', betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 };
const scaling: LossScaleOptions = { initial: 8, growth: 2, backoff: 0.5, interval: 2, floor: 2 };

/** The gradient of step `step` (from 1), with its overflow if it has one. */
function gradientAt(step: number): number[] {
  const gradient = [...recorded.gradients[step - 1]!];
  for (const { step: at, entry, value } of recorded.overflows) {
    if (at === step) gradient[entry] = nonFinite[value]!;
  }
  return gradient;
}

/** Updates with gradients that a test gives, as they are without a scale. */
function compileUpdate(options: UpdateOptions, names: readonly string[]) {
  const layout = new ParameterLayout(Object.fromEntries(names.map((name) => [name, { shape: [1] }])));
  type Inputs = { state: TrainState; gradient: Tensor; loss: Tensor; scalars: ScalarTensors };
  const compiled = opened.device.compile(
    ({ state, gradient, loss, scalars }: Inputs): Update => {
      const scaled = state.lossScale ? gradient.mul(state.lossScale.scale) : gradient;
      return updateState(options, state, scaled, [loss], scalars);
    },
    { donate: ['state'] },
  );
  return {
    start: (values: readonly number[]): Promise<TrainState> =>
      initialState(layout, Object.fromEntries(names.map((name, i) => [name, floats([values[i]!])])), {
        lossScale: options.lossScale,
      }),
    take: (state: TrainState, gradient: readonly number[], k: number, loss = 1, rate = 0.01) => {
      const numbers = { ...optimizerScalars(options.optimizer, rate, k), emaRate: 0.5 };
      const scalars: ScalarTensors = {
        learningRate: tensor(numbers.learningRate),
        stepSize: tensor(numbers.stepSize),
        inverseRootCorrection: tensor(numbers.inverseRootCorrection),
        momentumSize: tensor(numbers.momentumSize),
        step: tensor(k),
        emaRate: tensor(numbers.emaRate),
        targetRate: tensor(0),
      };
      return compiled({ state, gradient: floats(gradient), loss: tensor(loss), scalars });
    },
    layout,
    dispose: () => compiled.dispose(),
  };
}

async function valuesOf({ parameters, firstMoments, secondMoments, ema }: TrainState): Promise<number[][]> {
  const vectors = await Promise.all([parameters, firstMoments, secondMoments, ema].map((x) => x.data()));
  return vectors.map((x) => [...x]);
}

describe('an update with a loss scale', () => {
  it.each(recorded.optimizers.map((row) => [row.name, row] as const))(
    '%s: fourteen steps as GradScaler takes them or leaves them out',
    async (_, { optimizer, options: { lr, ...rest }, after }) => {
      const lossScale = { ...recorded.scaler, floor: 1 };
      const names = recorded.parameters.map((_, i) => `p${i}`);
      const update = compileUpdate(
        {
          optimizer: { type: types[optimizer], ...rest },
          maxGradientNorm: recorded.maxNorm,
          lossScale,
          readEvery: 1,
        },
        names,
      );
      let state = await update.start(recorded.parameters);
      let left = 0;
      for (const [i, expected] of after.entries()) {
        const before = expected.skipped ? await valuesOf(state) : undefined;
        const result = await update.take(state, gradientAt(i + 1), i + 1, 1, lr);
        state = result.state;
        const what = `after step ${i + 1}`;
        const { scale, streak, skipped } = state.lossScale!;
        if (expected.skipped) left += 1;
        expect(await Promise.all([scale.item(), streak.item(), skipped.item()]), what).toEqual([
          expected.scale,
          expected.streak,
          left,
        ]);
        const [read] = await readSteps([{ step: i + 1, numbers: result.numbers }], state, update.layout);
        expect(read!.scaling, what).toEqual({
          lossScale: expected.scaleBefore,
          skippedSteps: left,
          skipped: expected.skipped,
        });
        if (before) expect(await valuesOf(state), `${what} nothing has changed`).toEqual(before);
        const error = relativeError(await state.parameters.data(), expected.parameters);
        expect(error, what).toBeLessThanOrEqual(recorded.tolerance);
      }
      expect(left).toBe(recorded.overflows.length);
      await update.dispose();
    },
  );

  it('ends the run where the scale is at its floor, with the step and the parameter', async () => {
    const options = { optimizer: adam, maxGradientNorm: 1, lossScale: scaling, readEvery: 8 };
    const update = compileUpdate(options, ['a', 'b', 'c']);
    let state = await update.start([1, 1, 1]);
    const unread: { step: number; numbers: Tensor }[] = [];
    // 8 and 4 are left out, 2 is the floor; what comes after it is read together with it.
    for (let step = 1; step <= 6; step++) {
      const gradient = step < 4 ? [1, Infinity, 1] : [NaN, NaN, NaN];
      const result = await update.take(state, gradient, step);
      state = result.state;
      unread.push({ step, numbers: result.numbers });
    }
    await expect(readSteps(unread, state, update.layout)).rejects.toThrow(
      /^step 3: the loss is 1 and the gradient's norm Infinity at a loss scale of 2, after 2 steps were left out; the first gradient that is not finite is in b;/,
    );
    disposeTree(state);
    await update.dispose();
  });

  it('does not grow beyond what float32 holds', async () => {
    const lossScale = { ...scaling, initial: 2 ** 126, interval: 1 };
    const update = compileUpdate({ optimizer: adam, maxGradientNorm: undefined, lossScale, readEvery: 1 }, [
      'a',
    ]);
    const { state } = await update.take(await update.start([0]), [0], 1);
    expect([await state.lossScale!.scale.item(), await state.lossScale!.streak.item()]).toEqual([
      2 ** 126,
      0,
    ]);
    await update.dispose();
  });
});

describe('an update whose numbers are read later', () => {
  const options = { optimizer: adam, maxGradientNorm: 1, lossScale: undefined, readEvery: 8 };
  const gradients = [
    [0.1, 0.2, -0.3],
    [0.2, NaN, 0.1],
    [NaN, NaN, NaN],
    [NaN, NaN, NaN],
  ];

  it('still says which step and which parameter were the first to be bad', async () => {
    const update = compileUpdate(options, ['a', 'b', 'c']);
    let state = await update.start([1, 1, 1]);
    const unread: { step: number; numbers: Tensor }[] = [];
    for (const [i, gradient] of gradients.entries()) {
      const result = await update.take(state, gradient, i + 1);
      state = result.state;
      unread.push({ step: i + 1, numbers: result.numbers });
    }
    await expect(readSteps(unread, state, update.layout)).rejects.toThrow(
      /^step 2: the loss is 1 and the gradient's norm NaN; the first gradient that is not finite is in b;/,
    );
    await update.dispose();
  });

  it('has the same bits as one that is read at once', async () => {
    const states: number[][][] = [];
    for (const readEvery of [1, 8]) {
      const update = compileUpdate({ ...options, readEvery }, ['a', 'b', 'c']);
      let state = await update.start([1, -1, 0.5]);
      for (let step = 1; step <= 5; step++) {
        ({ state } = await update.take(state, [0.3 * step, -1, 0.01], step));
      }
      states.push(await valuesOf(state));
      await update.dispose();
    }
    expect(states[1]).toEqual(states[0]);
  });

  it('takes a loss that is not finite for a bad step as well', async () => {
    const update = compileUpdate(options, ['a']);
    const { state, numbers } = await update.take(await update.start([1]), [0.5], 9, Infinity);
    await expect(readSteps([{ step: 9, numbers }], state, update.layout)).rejects.toThrow(
      /^step 9: the loss is Infinity and the gradient's norm 0\.5; lower/,
    );
    await update.dispose();
  });
});
