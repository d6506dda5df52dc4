export { assignNoise, assignNoiseSync, type AssignedNoise } from './assign-noise.ts';
export { type ConditionReport, type Conditions } from './conditions.ts';
export { pairwiseCost, pairwiseCostAsync, type CostShape } from './cost.ts';
export { AssignmentError, type AssignmentErrorCode } from './errors.ts';
export { FLOAT16_MAX, fromFloat16Bits, scaleToFloat16, toFloat16Bits } from './float16.ts';
export { type Samples } from './inputs.ts';
export { methodAt } from './methods/start-step.ts';
export {
  type AssignAheadOptions,
  lookAhead,
  type LookAhead,
  type LookAheadBatch,
  type LookAheadOptions,
  type PairedBatch,
} from './look-ahead/look-ahead.ts';
export { type ForeignWorker } from './worker-thread.ts';
export { type Metric } from './metric.ts';
export { type NoiseStreams } from './noise-streams.ts';
export { type AssignNoiseOptions, type AssignOptions, type ComputeCost, type Method } from './options.ts';
export { assignOverPools, assignPool, type PoolBatch, type PooledNoise, type PoolOptions } from './pool.ts';
export { assignAcross, type AssignAcrossOptions, type NoiseAcross } from './processes/assign-across.ts';
export { type GroupArray, type ProcessGroup } from './processes/process-group.ts';
export { type QuantisationLoss, type QuantisationReport } from './quantise.ts';
export { solverNames, type SolverName } from './solve/auto.ts';
export { type Costs } from './solve/problem.ts';
export { type SinkhornOptions, type SinkhornReport } from './solve/sinkhorn.ts';
export { solveAssignment, type AssignmentSolution, type SolveOptions } from './solve/solve-assignment.ts';
export { type Standardize } from './standardize.ts';
export { type AssignmentStats, type Marginal } from './stats.ts';
export {
  StoredSeeds,
  type SeedChange,
  type SeededNoise,
  type SeededOptions,
  type StoredSeedsOptions,
  type StoredSeedsState,
} from './stored-seeds.ts';
export { closeThreads } from './threads.ts';
