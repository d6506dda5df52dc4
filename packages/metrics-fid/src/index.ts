export { type FeatureMatrix } from './feature-matrix.ts';
export { type Matrix } from './linalg/matrix.ts';
export { Moments, type Keep } from './moments.ts';
export { frechetFromFeatures, frechetFromMoments } from './frechet.ts';
export { frechetFloor, type FloorOptions, type FrechetFloor } from './floor.ts';
export { kernelDistance, polynomialMmd, type KidOptions } from './kid.ts';
export { precisionRecall, type PrecisionRecall } from './precision-recall.ts';
export { MetricArgumentError, MetricError, MetricNumericError } from './errors.ts';
