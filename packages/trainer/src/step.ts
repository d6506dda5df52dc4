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
import { DivergedError, TrainerError } from './errors.ts';
import {
  type DenoisingBatch,
  denoisingLoss,
  denoisingTask,
  type PredictionType,
} from './objectives/denoising.ts';
import { type AdamOptions, type AdamScalars, adamUpdate, type Tensors } from './optim/adam.ts';
import { type ParameterLayout } from './layout.ts';
import { clipByGlobalNorm, globalNorm } from './optim/clip.ts';
import { type TrainState } from './state.ts';

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
  readonly layout: ParameterLayout;
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
  const { layout } = options;
  const lossAndGradient = (parameters: Tensor, batch: StepBatch): { loss: Tensor; gradient: Tensor } => {
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
    })(layout.split(parameters));
    return { loss: value, gradient: layout.join(gradients) };
  };

  const update = (
    state: TrainState,
    gradient: Tensor,
    scalars: ScalarTensors,
  ): { state: TrainState; norm: Tensor } => {
    const norm = globalNorm(gradient);
    const { maxGradientNorm: limit } = options;
    const clipped = limit === undefined ? gradient : clipByGlobalNorm(gradient, norm, limit);
    const next = adamUpdate(options.optimizer, state, clipped, scalars);
    return { state: { ...next, ema: emaUpdate(state.ema, next.parameters, scalars.emaRate) }, norm };
  };

  const whole = device.compile(
    ({ state, batch, scalars }: { state: TrainState; batch: StepBatch; scalars: ScalarTensors }) => {
      const { loss, gradient } = lossAndGradient(state.parameters, batch);
      return { loss, ...update(state, gradient, scalars) };
    },
    { donate: ['state'] },
  );
  const accumulate = device.compile(
    ({ total, parameters, batch }: { total: Tensor; parameters: Tensor; batch: StepBatch }) => {
      const { loss, gradient } = lossAndGradient(parameters, batch);
      return { loss, total: total.add(gradient) };
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
      total: Tensor;
      scalars: ScalarTensors;
      factor: Tensor;
    }) => update(state, total.mul(factor), scalars),
    { donate: ['state', 'total'] },
  );

  const accumulated = async (
    state: TrainState,
    batches: readonly StepBatch[],
    scalars: ScalarTensors,
  ): Promise<{ state: TrainState; loss: Tensor; norm: Tensor }> => {
    let total = tensor(new Float32Array(layout.size), [layout.size]);
    let sum = 0;
    for (const batch of batches) {
      const result = await accumulate({ total, parameters: state.parameters, batch });
      total = result.total;
      sum += await result.loss.item();
      result.loss.dispose();
    }
    const factor = tensor(1 / batches.length);
    return { ...(await finish({ state, total, scalars, factor })), loss: tensor(sum / batches.length) };
  };

  return {
    async run(state, batches, scalars, step) {
      const [first, ...rest] = batches;
      if (!first) throw new TrainerError('step: wants at least one micro-batch, got none');
      const values: ScalarTensors = {
        learningRate: tensor(scalars.learningRate),
        stepSize: tensor(scalars.stepSize),
        inverseRootCorrection: tensor(scalars.inverseRootCorrection),
        emaRate: tensor(scalars.emaRate),
      };
      const result =
        rest.length === 0
          ? await whole({ state, batch: first, scalars: values })
          : await accumulated(state, batches, values);
      const loss = await result.loss.item();
      const gradientNorm = await result.norm.item();
      disposeTree([result.loss, result.norm]);
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
        // The first moment of a parameter takes in its gradient, so it shows which gradients were not finite.
        const moments = await result.state.firstMoments.data();
        const bad = moments.findIndex((value) => !Number.isFinite(value));
        disposeTree(result.state);
        const where = bad >= 0 ? `; the first gradient that is not finite is in ${layout.nameAt(bad)}` : '';
        throw new DivergedError(
          `step ${step}: the loss is ${loss} and the gradient's norm ${gradientNorm}${where}; lower the learning rate or clip gradients, and resume from the last checkpoint`,
        );
      }
      return { state: result.state, loss, gradientNorm };
    },
    get report() {
      return { ...accumulate.report, ...whole.report };
    },
    async dispose() {
      await Promise.all([whole.dispose(), accumulate.dispose(), finish.dispose()]);
    },
  };
}
