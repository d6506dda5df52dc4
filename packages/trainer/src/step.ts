/**
 * One training step as a pure function, traced once and replayed:
 *
 * x0, assigned noise → objective (x_t → model → loss) → gradients → clip → optimizer → averages
 *
 * Without accumulation the whole of it is one program; with it, one program adds up gradients and another one uses
 * them. Nothing is read back: the step's numbers stay on the device (step-numbers.ts).
 *
 * An objective may call the network with a target's parameters too. That call is cut off from the gradient, so no backward
 * pass of it is made, and it has the dropout masks of the other one: both have the keys of the samples.
 *
 * In float16 the network alone is float16: it gets x_t and the parameters cast, its prediction is cast back, and the
 * loss is multiplied by the loss scale before its gradient is taken (Micikevicius et al. 2018). Parameters, gradients
 * added up, norm, optimizer and average stay float32.
 */
import {
  type Device,
  disposeTree,
  mapTree,
  stopGradient,
  tensor,
  type Tensor,
  valueAndGrad,
} from '@immiscible/tensor-core';
import { TrainerError } from './errors.ts';
import { type ParameterLayout } from './layout.ts';
import { type Network, type Objective, type Samples } from './objectives/objective.ts';
import { type Tensors } from './optim/adam.ts';
import { type TrainState } from './state.ts';
import { readSteps, type StepNumbers, type UnreadStep } from './step-numbers.ts';
import {
  type ScalarTensors,
  type StepScalars,
  type Update,
  type UpdateOptions,
  updateState,
} from './update.ts';

/** Images, their noise, what the model is given beside x_t and t, and what the objective drew. */
export type StepBatch = Samples & {
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

/** With a loss scale the network computes in float16. */
export interface StepOptions extends UpdateOptions {
  readonly layout: ParameterLayout;
  readonly apply: ApplyModel;
  readonly objective: Objective;
  /** Parameters that the network wants in float32 even where it computes in float16. */
  readonly keepFloat32?: ReadonlySet<string>;
}

/** Compiled steps of one run; dispose it with the run. */
export interface TrainStep {
  /**
   * Consumes `state` and gives the next one, and the step's numbers, which `read` reads. Neither has to be there yet
   * when the promise is fulfilled: a device works through its queue while the host goes on.
   *
   * @param batches micro-batches of one shape; more than one accumulate gradients
   */
  run(state: TrainState, batches: readonly StepBatch[], scalars: StepScalars): Promise<Update>;
  /**
   * Reads the numbers of steps, in their order, once they are computed, and frees them.
   *
   * @param state what the last of them gave
   * @throws DivergedError where loss or gradients were not finite (in float16: at the floor of the loss scale), naming
   *   the first such step and the first bad parameter
   */
  read(steps: readonly UnreadStep[], state: TrainState): Promise<StepNumbers[]>;
  /** The most steps that may be unread. */
  readonly readEvery: number;
  readonly report: Readonly<Record<string, number>>;
  dispose(): Promise<void>;
}

/** What a step computes its gradients from and does not change by them; a type alias, as all inputs of programs. */
type Fixed = {
  readonly parameters: Tensor;
  readonly target?: Tensor;
  readonly scale?: Tensor;
  readonly frozen: Tensors;
};

type WholeStep = {
  readonly state: TrainState;
  readonly batch: StepBatch;
  readonly scalars: ScalarTensors;
  readonly frozen: Tensors;
};

function fixedOf({ parameters, target, lossScale }: TrainState): Omit<Fixed, 'frozen'> {
  return {
    parameters,
    ...(target ? { target } : {}),
    ...(lossScale ? { scale: lossScale.scale } : {}),
  };
}

export function compileTrainStep(device: Device, options: StepOptions): TrainStep {
  const { layout, objective, keepFloat32 = new Set<string>() } = options;
  const half = options.lossScale !== undefined;

  /** What the network computes with. */
  const weightsOf = (parameters: Tensor): Tensors => {
    if (!half) return layout.split(parameters);
    const full = keepFloat32.size > 0 ? layout.split(parameters) : {};
    const cast = layout.split(parameters.cast('float16'));
    return Object.fromEntries(
      Object.entries(cast).map(([name, value]) => [name, keepFloat32.has(name) ? full[name]! : value]),
    );
  };

  /** The network with some weights, for the samples of a batch. */
  const networkOf =
    (weights: Tensors, { labels, dropoutKey }: StepBatch): Network =>
    (sample, timestep) =>
      options
        .apply(weights, {
          sample: half ? sample.cast('float16') : sample,
          timestep,
          ...(labels ? { labels } : {}),
          ...(dropoutKey ? { dropoutKey } : {}),
        })
        .cast('float32');

  const lossAndGradient = (
    { parameters, target, scale, frozen }: Fixed,
    batch: StepBatch,
  ): { loss: Tensor; gradient: Tensor } => {
    const weights = weightsOf(parameters);
    const targetNetwork = networkOf(target ? weightsOf(target) : weights, batch);
    const { value, gradients } = valueAndGrad((theta: Tensors) => {
      const loss = objective.loss({
        network: networkOf(theta, batch),
        target: (sample, timestep) => stopGradient(targetNetwork(sample, timestep)),
        batch,
        frozen,
      });
      return { plain: loss, loss: scale ? loss.mul(scale) : loss };
    })(weights);
    const joined = half
      ? layout.join(mapTree(gradients, (gradient) => gradient.cast('float16'))).cast('float32')
      : layout.join(gradients);
    return { loss: value.plain, gradient: joined };
  };

  const whole = device.compile(
    ({ state, batch, scalars, frozen }: WholeStep) => {
      const { loss, gradient } = lossAndGradient({ ...fixedOf(state), frozen }, batch);
      return updateState(options, state, gradient, [loss], scalars);
    },
    { donate: ['state'] },
  );
  const accumulate = device.compile(
    ({ total, fixed, batch }: { total: Tensor; fixed: Fixed; batch: StepBatch }) => {
      const { loss, gradient } = lossAndGradient(fixed, batch);
      return { loss, total: total.add(gradient) };
    },
    { donate: ['total'] },
  );
  type Finished = {
    state: TrainState;
    total: Tensor;
    losses: readonly Tensor[];
    scalars: ScalarTensors;
    factor: Tensor;
  };
  const finish = device.compile(
    ({ state, total, losses, scalars, factor }: Finished) =>
      updateState(options, state, total.mul(factor), losses, scalars),
    { donate: ['state', 'total'] },
  );

  const accumulated = async (
    state: TrainState,
    batches: readonly StepBatch[],
    scalars: ScalarTensors,
  ): Promise<Update> => {
    let total = tensor(new Float32Array(layout.size), [layout.size]);
    const losses: Tensor[] = [];
    const fixed = { ...fixedOf(state), frozen: await frozen() };
    try {
      for (const batch of batches) {
        const result = await accumulate({ total, fixed, batch });
        total = result.total;
        losses.push(result.loss);
      }
      return await finish({ state, total, losses, scalars, factor: tensor(1 / batches.length) });
    } finally {
      disposeTree(losses);
    }
  };

  let held: Tensors | undefined;
  /** What the loss looks through, on the device from the first step on. */
  const frozen = async (): Promise<Tensors> => {
    if (held === undefined) {
      const weights = await objective.readFrozen?.();
      held = weights ? await device.put({ ...weights }) : {};
    }
    return held;
  };

  return {
    async run(state, batches, scalars) {
      const [first, ...rest] = batches;
      if (!first) throw new TrainerError('step: wants at least one micro-batch, got none');
      if (half !== (state.lossScale !== undefined)) {
        throw new TrainerError(
          `step: a state ${half ? 'without' : 'with'} a loss scale was given to a step that computes in ${half ? 'float16' : 'float32'}; make the state with initialState for the same precision`,
        );
      }
      if ((objective.targetDecay !== undefined) !== (state.target !== undefined)) {
        throw new TrainerError(
          `step: a state ${state.target ? 'with' : 'without'} a target network was given to an objective that keeps ${state.target ? 'none' : 'one'}; make the state with startOf for the same config`,
        );
      }
      const values: ScalarTensors = {
        learningRate: tensor(scalars.learningRate),
        stepSize: tensor(scalars.stepSize),
        inverseRootCorrection: tensor(scalars.inverseRootCorrection),
        momentumSize: tensor(scalars.momentumSize),
        step: tensor(scalars.step),
        emaRate: tensor(scalars.emaRate),
        targetRate: tensor(scalars.targetRate ?? 0),
      };
      return rest.length === 0
        ? whole({ state, batch: first, scalars: values, frozen: await frozen() })
        : accumulated(state, batches, values);
    },
    read: (steps, state) => readSteps(steps, state, layout),
    readEvery: options.readEvery,
    get report() {
      return { ...accumulate.report, ...whole.report };
    },
    async dispose() {
      await Promise.all([whole.dispose(), accumulate.dispose(), finish.dispose()]);
      if (held) disposeTree(held);
    },
  };
}
