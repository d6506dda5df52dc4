/**
 * One training step as a pure function, traced once and replayed:
 *
 * x0, assigned noise → x_t → model → loss → gradients → clip → optimizer → average
 *
 * Without accumulation the whole of it is one program; with it, one program adds up gradients and another one uses
 * them.
 */
import { type Device, disposeTree, tensor, type Tensor, valueAndGrad } from '@immiscible/tensor-core';
import { emaUpdate } from './ema.ts';
import { DivergedError } from './errors.ts';
import {
  type DenoisingBatch,
  denoisingLoss,
  denoisingTask,
  type PredictionType,
} from './objectives/denoising.ts';
import { type AdamOptions, type AdamScalars, adamUpdate, type Tensors } from './optim/adam.ts';
import { clipByGlobalNorm, squaredNorms } from './optim/clip.ts';
import { mapRecord, type TrainState } from './state.ts';

/** What the model is given beside x_t and t. */
export type StepBatch = DenoisingBatch & {
  /** int32 [B] */
  readonly labels?: Tensor;
  /** int32 [B, 2] */
  readonly dropoutKey?: Tensor;
} & Readonly<Record<string, Tensor>>;

/** The network as the step sees it. */
export type ApplyModel = (
  parameters: Tensors,
  inputs: { sample: Tensor; timestep: Tensor; labels?: Tensor; dropoutKey?: Tensor },
) => Tensor;

export interface StepOptions {
  readonly apply: ApplyModel;
  readonly prediction: PredictionType;
  readonly optimizer: AdamOptions;
  /** No clipping where undefined. */
  readonly maxGradientNorm: number | undefined;
}

/** Numbers of the step that are not tensors' business. */
export interface StepScalars extends AdamScalars {
  /** 1 − decay of the moving average */
  readonly emaRate: number;
}

export interface StepResult {
  readonly state: TrainState;
  /** mean over the step's micro-batches */
  readonly loss: number;
  /** global norm before clipping */
  readonly gradientNorm: number;
}

type ScalarTensors = Readonly<Record<keyof StepScalars, Tensor>>;

/** Compiled steps of one run; dispose it with the run. */
export interface TrainStep {
  /**
   * Consumes `state` and gives the next one.
   *
   * @param batches micro-batches of one shape; more than one accumulate gradients
   * @throws DivergedError where loss or gradients are not finite, naming the step and the first bad parameter
   */
  run(
    state: TrainState,
    batches: readonly StepBatch[],
    scalars: StepScalars,
    step: number,
  ): Promise<StepResult>;
  readonly report: Readonly<Record<string, number>>;
  dispose(): Promise<void>;
}

export function compileTrainStep(device: Device, options: StepOptions): TrainStep {
  const lossAndGradients = (parameters: Tensors, batch: StepBatch): { loss: Tensor; gradients: Tensors } => {
    const { value, gradients } = valueAndGrad((theta: Tensors) => {
      const { xt, target } = denoisingTask(options.prediction, batch);
      const { labels, dropoutKey } = batch;
      const prediction = options.apply(theta, {
        sample: xt,
        timestep: batch.timesteps,
        ...(labels ? { labels } : {}),
        ...(dropoutKey ? { dropoutKey } : {}),
      });
      return denoisingLoss(prediction, target, batch.weight);
    })(parameters);
    return { loss: value, gradients };
  };

  const update = (
    state: TrainState,
    gradients: Tensors,
    scalars: ScalarTensors,
  ): { state: TrainState; norms: Tensor } => {
    const norms = squaredNorms(gradients);
    const clipped =
      options.maxGradientNorm === undefined
        ? gradients
        : clipByGlobalNorm(gradients, norms, options.maxGradientNorm);
    const next = adamUpdate(options.optimizer, state, clipped, scalars);
    return { state: { ...next, ema: emaUpdate(state.ema, next.parameters, scalars.emaRate) }, norms };
  };

  const whole = device.compile(
    ({ state, batch, scalars }: { state: TrainState; batch: StepBatch; scalars: ScalarTensors }) => {
      const { loss, gradients } = lossAndGradients(state.parameters, batch);
      return { loss, ...update(state, gradients, scalars) };
    },
    { donate: ['state'] },
  );
  const accumulate = device.compile(
    ({ total, parameters, batch }: { total: Tensors; parameters: Tensors; batch: StepBatch }) => {
      const { loss, gradients } = lossAndGradients(parameters, batch);
      return { loss, total: mapRecord(total, (sum, name) => sum.add(gradients[name]!)) };
    },
    { donate: ['total'] },
  );
  const finish = device.compile(
    ({
      state,
      total,
      scalars,
      factor,
    }: {
      state: TrainState;
      total: Tensors;
      scalars: ScalarTensors;
      factor: Tensor;
    }) =>
      update(
        state,
        mapRecord(total, (sum) => sum.mul(factor)),
        scalars,
      ),
    { donate: ['state', 'total'] },
  );

  const accumulated = async (state: TrainState, batches: readonly StepBatch[], scalars: ScalarTensors) => {
    let total = mapRecord(state.parameters, ({ shape, size }) => tensor(new Float32Array(size), shape));
    const losses: number[] = [];
    for (const batch of batches) {
      const result = await accumulate({ total, parameters: state.parameters, batch });
      total = result.total;
      losses.push(await result.loss.item());
      result.loss.dispose();
    }
    const mean = losses.reduce((a, b) => a + b, 0) / losses.length;
    const factor = tensor(1 / batches.length);
    const result = await finish({ state, total, scalars, factor });
    return { ...result, loss: tensor(mean) };
  };

  return {
    async run(state, batches, scalars, step) {
      const [first, ...rest] = batches;
      if (!first) throw new DivergedError('step: wants at least one micro-batch, got none');
      const values: ScalarTensors = {
        learningRate: tensor(scalars.learningRate),
        stepSize: tensor(scalars.stepSize),
        inverseRootCorrection: tensor(scalars.inverseRootCorrection),
        emaRate: tensor(scalars.emaRate),
      };
      const names = Object.keys(state.parameters);
      const result =
        rest.length === 0
          ? await whole({ state, batch: first, scalars: values })
          : await accumulated(state, batches, values);
      const loss = await result.loss.item();
      const norms = (await result.norms.data()) as Float32Array;
      disposeTree([result.loss, result.norms]);
      const bad = norms.findIndex((square) => !Number.isFinite(square));
      if (!Number.isFinite(loss) || bad >= 0) {
        disposeTree(result.state);
        const where = bad >= 0 ? `; the first gradient that is not finite is that of ${names[bad]!}` : '';
        throw new DivergedError(
          `step ${step}: the loss is ${loss}${where}; lower the learning rate or clip gradients, and resume from the last checkpoint`,
        );
      }
      return {
        state: result.state,
        loss,
        gradientNorm: Math.sqrt(norms.reduce((sum, square) => sum + square, 0)),
      };
    },
    get report() {
      return { ...accumulate.report, ...whole.report };
    },
    async dispose() {
      await Promise.all([whole.dispose(), accumulate.dispose(), finish.dispose()]);
    },
  };
}
