export {
  armConfig,
  type AssignmentConfig,
  type CompareConfig,
  type CompareConfigInput,
  parseCompareConfig,
  parseRunConfig,
  type RunConfig,
} from './config.ts';
export { recipes, type RecipeName } from './recipes/index.ts';
export { layoutOf, modelOf, startOf, type StepConfig, trainStepOf } from './parts.ts';
export { objectiveOf } from './objectives/objective-of.ts';
export {
  type Draws,
  type LossInputs,
  type Network,
  type Objective,
  type Samples,
  type SampleStreams,
} from './objectives/objective.ts';
export { type ObjectiveConfig } from './objectives/config.ts';
export { sampleStreams } from './sample-streams.ts';
export { type StepReport, TrainingRun } from './run.ts';
export { type StepNumbers } from './step-numbers.ts';
export {
  createSampler,
  type Sampler,
  type SampleOptions,
  type SamplerOptions,
  sampleShape,
} from './sample.ts';
export {
  type SamplerName,
  samplerNames,
  samplerOf,
  samplersFor,
  schedulerFor,
  stepsOf,
} from './sampling/samplers.ts';
export { type SampleStart, type SeedBlend, slerp } from './sampling/starts.ts';
export {
  type ArmReport,
  compare,
  type CompareEvent,
  type CompareOptions,
  type CompareReport,
  isComparison,
  type Measurement,
  readCompareConfig,
} from './compare.ts';
export {
  comparisonsOf,
  parseStudyConfig,
  type StudyComparison,
  type StudyConfig,
  type StudyConfigInput,
  type StudyPiece,
  type Thresholds,
} from './study/config.ts';
export {
  type Against,
  type ArmSummary,
  type CurveRow,
  type Measured,
  type PieceSummary,
  type QualityRow,
  summarize,
  type ThresholdRow,
} from './study/summary.ts';
export { studies } from './study/studies/index.ts';
export { type Interval, meanInterval, pairedChange, pairedDifference } from './analysis/interval.ts';
export {
  denoisePureNoise,
  type PureNoise,
  type PureNoiseNumbers,
  pureNoiseNumbers,
  type PureNoiseOptions,
} from './analysis/pure-noise.ts';
export {
  type AblationOptions,
  ablationStudy,
  type BatchSizeRow,
  batchSizeRows,
  pairingOf,
} from './analysis/ablation.ts';
export { type Crossing, type CurvePoint, firstCrossing } from './analysis/crossing.ts';
export { checkSameConfig } from './config-difference.ts';
export { makeReference, measureQuality, openFeatures, type Quality, type Reference } from './evaluate.ts';
export { type GridOptions, gridPng } from './image-grid.ts';
export { arePoints } from './points.ts';
export { pointsPng } from './points-picture.ts';
export { writeFileAtomic } from './atomic.ts';
export { type Pipeline, readPipeline, writePipeline } from './pipeline-folder.ts';
export { classCountOf, nullLabelOf } from './label-dropout.ts';
export { checkpointPath, listCheckpoints, readLatestCheckpoint } from './checkpoint.ts';
export { describeEnvironment, type Environment, isRun, readRunConfig } from './run-dir.ts';
export { readEvents, type RunEvent } from './run-events.ts';
export { type LogEntry, readLog } from './run-log.ts';
export { CheckpointError, ConfigError, DivergedError, SampleError, TrainerError } from './errors.ts';
export { ParameterLayout, type Slot } from './layout.ts';
export { type OptimizerOptions, optimizerScalars, type OptimizerScalars } from './optim/optimizer.ts';
export { initialState, type TrainState } from './state.ts';
export { type StepBatch, type TrainStep } from './step.ts';
