/**
 * The weights that a run of easy consistency tuning begins with: those of a network that was trained to denoise.
 *
 * A pipeline's scheduler decides what its network is told of the noise level. Under EDM that is ¼ ln σ, under a consistency
 * model a thousand times as much: the tuned network counts time so that it is told the same.
 */
import { isDeepStrictEqual } from 'node:util';
import { type ModelConfig } from '@immiscible/models';
import { type RunConfig } from './config.ts';
import { ConfigError } from './errors.ts';
import { type Tensors } from './optim/adam.ts';
import { readPipeline } from './pipeline-folder.ts';

/** 1000 · ¼ ln σ over ¼ ln σ. */
const TIME_UNITS = 1000;

/** What of a model's config says which function its weights are: not dropout, not how it counts time, no comments. */
function functionOf(model: ModelConfig): Record<string, unknown> {
  const fields = Object.entries(model).filter(
    ([key]) => key === '_class_name' || !(key === 'dropout' || key === 'time_scale' || key.startsWith('_')),
  );
  return Object.fromEntries(fields);
}

function timeScaleOf(model: ModelConfig): number {
  return 'time_scale' in model ? Number(model.time_scale) : 1;
}

/**
 * The averaged weights of the pipeline folder that the objective names.
 *
 * @throws ConfigError where the folder's network is another one than the run's, or its scheduler is neither EDM's nor a
 *   consistency model's; CheckpointError where there is no such folder
 */
export async function pretrainedWeights(
  from: string,
  { model, scheduler }: Pick<RunConfig, 'model' | 'scheduler'>,
): Promise<Tensors> {
  const pretrained = await readPipeline(from);
  const refuse = (field: string, text: string): never => {
    throw new ConfigError(`${field}: ${text}; objective.from is ${from}`);
  };
  const { _class_name: trainedWith, sigma_data: sigmaData } = pretrained.scheduler;
  const isEdm = trainedWith === 'EDMHeunScheduler';
  if (!isEdm && trainedWith !== 'CMStochasticIterativeScheduler') {
    refuse(
      'objective.from',
      `wants a network of EDMHeunScheduler (objective edm) or CMStochasticIterativeScheduler, got one of ${trainedWith}`,
    );
  }
  if (sigmaData !== scheduler['sigma_data']) {
    refuse(
      'scheduler.sigma_data',
      `wants that of the network to be tuned, ${String(sigmaData)}, got ${String(scheduler['sigma_data'])}`,
    );
  }
  const [held, wanted] = [functionOf(pretrained.model), functionOf(model)];
  const other = Object.keys({ ...held, ...wanted }).find((key) => !isDeepStrictEqual(held[key], wanted[key]));
  if (other !== undefined) {
    refuse(
      `model.${other}`,
      `wants that of the network to be tuned, ${JSON.stringify(held[other])}, got ${JSON.stringify(wanted[other])}`,
    );
  }
  const timeScale = timeScaleOf(pretrained.model) / (isEdm ? TIME_UNITS : 1);
  if (isEdm && !('time_scale' in model)) {
    refuse(
      'model',
      `a ${model._class_name} that was trained with EDM's time, ¼ ln σ, cannot be told a consistency model's, which is a thousand times as much; train an NCSNpp or an MLP with objective edm`,
    );
  }
  if (Math.abs(timeScaleOf(model) / timeScale - 1) > 1e-9) {
    refuse(
      'model.time_scale',
      `wants ${timeScale}, with which the network is told what it was trained with, got ${timeScaleOf(model)}`,
    );
  }
  return pretrained.parameters;
}
