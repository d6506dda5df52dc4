/** The objective that a config names, with what its scheduler says. */
import {
  type ConfigOf,
  hasBetas,
  NoiseSchedule,
  type SchedulerConfig,
  type SchedulerName,
} from '@immiscible/schedulers';
import { ConfigError } from '../errors.ts';
import { type RunConfig } from '../config.ts';
import { type ObjectiveConfig } from './config.ts';
import { consistencyTraining } from './consistency-training.ts';
import { denoising } from './denoising.ts';
import { distanceOf, pseudoHuber } from './distance.ts';
import { easyConsistencyTuning } from './easy-consistency-tuning.ts';
import { edm } from './edm.ts';
import { flowMatching } from './flow-matching.ts';
import { improvedConsistencyTraining } from './improved-consistency-training.ts';
import { type Objective } from './objective.ts';

type Kind = ObjectiveConfig['kind'];

/** What samples of a network that was trained so are drawn with; denoising has several. */
const schedulers = {
  'consistency-training': 'CMStochasticIterativeScheduler',
  'improved-consistency-training': 'CMStochasticIterativeScheduler',
  'easy-consistency-tuning': 'CMStochasticIterativeScheduler',
  edm: 'EDMHeunScheduler',
  'flow-matching': 'FlowMatchEulerDiscreteScheduler',
} as const satisfies Readonly<Record<Exclude<Kind, 'denoising'>, SchedulerName>>;

/** Why a scheduler does not fit an objective, in words; undefined where it does. */
export function schedulerProblem(kind: Kind, scheduler: SchedulerConfig): string | undefined {
  const { _class_name: got } = scheduler;
  if (kind === 'denoising') {
    return hasBetas(scheduler)
      ? undefined
      : `wants a scheduler that is built on betas, such as DDIMScheduler, with objective denoising, got ${got}`;
  }
  const wanted = schedulers[kind];
  return got === wanted ? undefined : `wants ${wanted} with objective ${kind}, got ${got}`;
}

/** The scheduler of an objective that has but one. @throws ConfigError for another one */
function schedulerOf<K extends keyof typeof schedulers>(
  kind: K,
  scheduler: SchedulerConfig,
): ConfigOf<(typeof schedulers)[K]> {
  const problem = schedulerProblem(kind, scheduler);
  if (problem !== undefined) throw new ConfigError(`scheduler._class_name: ${problem}`);
  return scheduler as ConfigOf<(typeof schedulers)[K]>;
}

/** σ_min, σ_max, ρ and σ_data of a consistency model. */
function consistencyOf(
  kind: Exclude<keyof typeof schedulers, 'edm' | 'flow-matching'>,
  config: SchedulerConfig,
) {
  const { sigma_min: sigmaMin, sigma_max: sigmaMax, sigma_data: sigmaData, rho } = schedulerOf(kind, config);
  return { sigmaMin, sigmaData, range: { sigmaMin, sigmaMax, rho } };
}

/** @throws ConfigError where the scheduler does not fit the objective */
export function objectiveOf({
  objective,
  scheduler,
  training,
}: Pick<RunConfig, 'objective' | 'scheduler' | 'training'>): Objective {
  const { steps, lossWeighting } = training;
  switch (objective.kind) {
    case 'denoising': {
      const problem = schedulerProblem('denoising', scheduler);
      if (problem !== undefined) throw new ConfigError(`scheduler._class_name: ${problem}`);
      const { offsetNoise } = objective;
      return denoising({ schedule: new NoiseSchedule(scheduler), lossWeighting, offsetNoise });
    }
    case 'consistency-training': {
      const { kind, s0, s1, mu0, totalSteps = steps, distance } = objective;
      return consistencyTraining({
        ...consistencyOf(kind, scheduler),
        curriculum: { s0, s1, totalSteps },
        mu0,
        distance: distanceOf(distance),
      });
    }
    case 'improved-consistency-training': {
      const { kind, s0, s1, totalSteps = steps, distance, meanLog, stdLog } = objective;
      return improvedConsistencyTraining({
        ...consistencyOf(kind, scheduler),
        curriculum: { s0, s1, totalSteps },
        meanLog,
        stdLog,
        distance: distanceOf(distance),
      });
    }
    case 'easy-consistency-tuning': {
      const { kind, q, k, b, stageSteps = Math.max(1, Math.ceil(steps / 8)), c, ...chances } = objective;
      return easyConsistencyTuning({
        ...consistencyOf(kind, scheduler),
        ...chances,
        schedule: { q, k, b, stageSteps },
        distance: { between: (x, y) => pseudoHuber(x, y, c) },
      });
    }
    case 'edm': {
      const { kind, meanLog, stdLog } = objective;
      return edm({ meanLog, stdLog, sigmaData: schedulerOf(kind, scheduler).sigma_data });
    }
    case 'flow-matching': {
      const { shift, num_train_timesteps: trainTimesteps } = schedulerOf(objective.kind, scheduler);
      return flowMatching({ times: objective.times, shift, trainTimesteps });
    }
  }
}
