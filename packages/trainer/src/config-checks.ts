/** What no single field of a run's config can say: which of them do not go together. */
import { modelConfigSchema } from '@immiscible/models';
import { hasBetas, schedulerConfigSchema } from '@immiscible/schedulers';
import { type AssignmentConfig, type CompareConfig, type RunConfig } from './config.ts';
import { schedulerProblem } from './objectives/objective-of.ts';

type Config = RunConfig | CompareConfig;

/** One sentence for each pair of fields that contradict each other, beginning with a field's path. */
export function problemsOf(config: Config): string[] {
  return [
    ...unknownFields(config),
    ...modelProblems(config),
    ...objectiveProblems(config),
    ...samplingProblems(config),
    ...optimizerProblems(config),
    ...assignmentsOf(config).flatMap(([at, assignment]) => assignmentProblems(at, assignment)),
  ];
}

/** Fields that diffusers' configs may hold and ours ignore are kept there; in a run they are more likely typing errors. */
function unknownFields(config: Config): string[] {
  const known = {
    model: modelConfigSchema.options.map(({ shape }) => shape),
    scheduler: schedulerConfigSchema.options.map(({ shape }) => shape),
  };
  return (['model', 'scheduler'] as const).flatMap((section) =>
    Object.keys(config[section])
      .filter((key) => !key.startsWith('_') && !known[section].some((shape) => key in shape))
      .map((key) => `${section}.${key}: there is no such field`),
  );
}

function modelProblems({ model, training }: Config): string[] {
  const problems: string[] = [];
  if (model.in_channels !== model.out_channels) {
    problems.push(`model.out_channels: wants in_channels (${model.in_channels}), got ${model.out_channels}`);
  }
  if (training.labelDropout > 0 && (model.num_class_embeds ?? 0) < 2) {
    problems.push(
      `training.labelDropout: wants a model with a label for no class beside the others (model.num_class_embeds), got ${training.labelDropout} with ${model.num_class_embeds}`,
    );
  }
  return problems;
}

function objectiveProblems({ objective, scheduler, training }: Config): string[] {
  const problems: string[] = [];
  const problem = schedulerProblem(objective.kind, scheduler);
  if (problem !== undefined) problems.push(`scheduler._class_name: ${problem}`);
  if (scheduler._class_name === 'FlowMatchEulerDiscreteScheduler' && scheduler.invert_sigmas === true) {
    problems.push(
      'scheduler.invert_sigmas: wants false, got true: objective flow-matching tells the network T·t of its noise, not of its image',
    );
  }
  if (
    hasBetas(scheduler) &&
    scheduler.rescale_betas_zero_snr === true &&
    scheduler.prediction_type === 'epsilon'
  ) {
    problems.push(
      'scheduler.prediction_type: wants v_prediction or sample with rescale_betas_zero_snr, got epsilon, which says nothing about pure noise',
    );
  }
  const { kind } = training.lossWeighting;
  if (objective.kind !== 'denoising' && kind !== 'uniform') {
    problems.push(
      `training.lossWeighting: ${kind} weighs the denoising objective, got objective ${objective.kind}, which has weights of its own; leave it out`,
    );
  }
  if ('s0' in objective && objective.s1 < objective.s0) {
    problems.push(`objective.s1: wants at least objective.s0 (${objective.s0}), got ${objective.s1}`);
  }
  return problems;
}

function samplingProblems({ evaluation, scheduler }: Config): string[] {
  const problems: string[] = [];
  const { samplingSteps, pointSamplingSteps = [] } = evaluation;
  const most = 'num_train_timesteps' in scheduler ? Number(scheduler.num_train_timesteps) : Infinity;
  const tooMany = samplingSteps.filter((steps) => steps > most);
  if (tooMany.length > 0) {
    problems.push(`evaluation.samplingSteps: wants at most ${most}, got ${tooMany.join(', ')}`);
  }
  const others = pointSamplingSteps.filter((steps) => !samplingSteps.includes(steps));
  if (others.length > 0) {
    problems.push(
      `evaluation.pointSamplingSteps: wants some of evaluation.samplingSteps (${samplingSteps.join(', ')}), got ${others.join(', ')}`,
    );
  }
  return problems;
}

function optimizerProblems({ model, optimizer, training }: Config): string[] {
  const problems: string[] = [];
  if (training.schedule.warmupSteps > training.steps) {
    problems.push(
      `training.schedule.warmupSteps: wants at most training.steps (${training.steps}), got ${training.schedule.warmupSteps}`,
    );
  }
  if (
    'time_embedding_type' in model &&
    model.time_embedding_type === 'fourier' &&
    optimizer.weightDecay > 0
  ) {
    problems.push(
      `optimizer.weightDecay: wants 0 with model.time_embedding_type fourier, whose frequencies would shrink, got ${optimizer.weightDecay}`,
    );
  }
  if (optimizer.decoupledWeightDecay && optimizer.type !== 'radam') {
    problems.push(
      `optimizer.decoupledWeightDecay: is of radam, got it with ${optimizer.type}; adamw is Adam with decoupled decay`,
    );
  }
  return problems;
}

/** Every assignment of a config with its path. */
function assignmentsOf(config: Config): [string, AssignmentConfig][] {
  if ('assignment' in config) return [['assignment', config.assignment]];
  return config.arms.map(({ assignment }, i) => [`arms.${i}.assignment`, assignment]);
}

function assignmentProblems(at: string, { storedSeeds, method, pool }: AssignmentConfig): string[] {
  if (storedSeeds === 0 || (method === 'linear' && pool === 'batch')) return [];
  return [
    `${at}.storedSeeds: wants method linear, whose noises swap, and pool batch, in which no image is twice, got ${method} and ${pool}`,
  ];
}
