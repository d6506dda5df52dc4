export {
  asScheduler,
  compatibleSchedulers,
  hasBetas,
  parseSchedulerConfig,
  schedulerConfigSchema,
  schedulerNames,
  toSchedulerConfig,
  type BetaConfig,
  type BetaScheduleName,
  type ConfigOf,
  type PredictionType,
  type SchedulerConfig,
  type SchedulerConfigInput,
  type SchedulerName,
  type TimestepSpacing,
  type VarianceType,
} from './config.ts';
export { NoiseSchedule } from './noise-schedule.ts';
export { type Clip, clipX0, type DynamicThreshold } from './dynamic-threshold.ts';
export { spacedTimesteps, type TimestepPlan } from './timesteps.ts';
export { lossWeight, trainingDraw, type LossWeighting, type TrainingDraw } from './training-draw.ts';
export {
  consistencyScales,
  risingSigmas,
  targetDecay,
  type ConsistencyCurriculum,
} from './training/consistency-training.ts';
export {
  doublingScales,
  gapWeight,
  logNormalBins,
  pickBin,
  pseudoHuberC,
  type LogNormal,
} from './training/improved-consistency-training.ts';
export { tuningPartner, tuningStage, type TuningSchedule } from './training/easy-consistency-tuning.ts';
export { edmWeight, logNormalSigma } from './training/edm.ts';
export { flowTime, type FlowTimes } from './training/flow-matching.ts';
export {
  convertPrediction,
  predictedEpsilon,
  predictedX0,
  trainingTarget,
  type Quotient,
  type SignalNoise,
} from './prediction.ts';
export { applyStep, linearStep, type LinearStep, type SamplerStep, type StepResult } from './step.ts';
export {
  noisePerSample,
  runPlan,
  type Denoise,
  type NoiseSource,
  type PlanRun,
  type StepReport,
} from './run-plan.ts';
export { ddimPlan, ddimStep, sampleDdim, type DdimOptions } from './ddim.ts';
export { ddpmPlan, ddpmStep, sampleDdpm, type DdpmOptions } from './ddpm.ts';
export { type Share, type SolverCall, type SolverPlan, type SolverSettings } from './solver-plan.ts';
export { runSolver, type SolverRun } from './run-solver.ts';
export { type FlowSettings } from './flow-match-euler.ts';
export {
  defaultSteps,
  maximumSteps,
  modelCalls,
  sampleWith,
  solverPlan,
  type SampleRun,
} from './sample-with.ts';
export { offsetNoise } from './offset-noise.ts';
export { karrasSigmas, type SigmaRange } from './karras-sigmas.ts';
export { SamplingError, SchedulerArgumentError, SchedulerConfigError, SchedulerError } from './errors.ts';
