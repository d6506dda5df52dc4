/** The parts that a config's run is made of, for runs, samplers and loops of one's own. */
import { applyModel, initModel, modelParameters } from '@immiscible/models';
import { type Device } from '@immiscible/tensor-core';
import { type RunConfig } from './config.ts';
import { ParameterLayout } from './layout.ts';
import { objectiveOf } from './objectives/objective-of.ts';
import { type LossScaleOptions } from './optim/loss-scale.ts';
import { pretrainedWeights } from './pretrained.ts';
import { initialState, type TrainState } from './state.ts';
import { type ApplyModel, compileTrainStep, type TrainStep } from './step.ts';

/** What decides a step's arithmetic. */
export type StepConfig = Pick<
  RunConfig,
  'model' | 'scheduler' | 'objective' | 'optimizer' | 'training' | 'logging' | 'precision'
>;

/** Unread steps keep their batches alive: more than these are not worth their memory. */
const MOST_UNREAD = 32;

/** The model of a config, as steps and samplers call it. */
export function modelOf({ model }: Pick<RunConfig, 'model'>): ApplyModel {
  return (parameters, { labels, ...inputs }) =>
    applyModel(model, parameters, { ...inputs, ...(labels ? { classLabels: labels } : {}) });
}

/** Where the parameters of a config's model lie in a state. */
export function layoutOf({ model }: Pick<RunConfig, 'model'>): ParameterLayout {
  return new ParameterLayout(modelParameters(model));
}

function lossScaleOf({ precision, training }: StepConfig): LossScaleOptions | undefined {
  return precision === 'f16' ? training.lossScale : undefined;
}

/**
 * The state that a run of `config` begins with.
 *
 * @throws ConfigError, CheckpointError where the objective starts from weights that do not fit, or are not there
 */
export async function startOf(config: StepConfig & Pick<RunConfig, 'seed'>): Promise<TrainState> {
  const { model, objective, seed, training } = config;
  const parameters =
    objective.kind === 'easy-consistency-tuning'
      ? await pretrainedWeights(objective.from, config)
      : initModel(model, seed, { zeroInit: training.zeroInit });
  return initialState(layoutOf(config), parameters, {
    lossScale: lossScaleOf(config),
    target: objectiveOf(config).targetDecay !== undefined,
  });
}

/**
 * Compiles the steps that runs of `config` take.
 *
 * @param readEvery the most steps whose numbers may lie unread on the device: 1 on the CPU where omitted, where reading
 *   costs nothing, else `logging.every` and at most 32
 */
export function trainStepOf(device: Device, config: StepConfig, readEvery?: number): TrainStep {
  const { maxGradientNorm } = config.training;
  const parameters = Object.entries(modelParameters(config.model));
  return compileTrainStep(device, {
    layout: layoutOf(config),
    apply: modelOf(config),
    objective: objectiveOf(config),
    optimizer: config.optimizer,
    maxGradientNorm: maxGradientNorm ?? undefined,
    lossScale: lossScaleOf(config),
    keepFloat32: new Set(parameters.flatMap(([name, { trainable }]) => (trainable ? [] : [name]))),
    readEvery: readEvery ?? (device.name === 'cpu' ? 1 : Math.min(config.logging.every, MOST_UNREAD)),
  });
}
