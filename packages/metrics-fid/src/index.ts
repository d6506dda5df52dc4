export { type FeatureMatrix } from './feature-matrix.ts';
export { type Matrix } from './linalg/matrix.ts';
export { Moments, type Keep } from './moments.ts';
export { frechetFromFeatures, frechetFromMoments } from './frechet.ts';
export { frechetFloor, type FloorOptions, type FrechetFloor } from './floor.ts';
export { kernelDistance, polynomialMmd, type KidOptions } from './kid.ts';
export { precisionRecall, type PrecisionRecall } from './precision-recall.ts';
export { slicedWasserstein, type SlicedWassersteinOptions } from './sliced-wasserstein.ts';
export { type AssignmentSolver, type ModeCoverage, modeCoverage, wasserstein2 } from './point-sets.ts';
export { MetricArgumentError, MetricError, MetricNumericError, MetricWeightsError } from './errors.ts';
export {
  type FeatureExtractor,
  type FeatureProvenance,
  type ImageShape,
} from './features/feature-extractor.ts';
export {
  type FashionClassifier,
  type FashionClassifierOptions,
  openFashionClassifier,
} from './features/fashion-classifier.ts';
export {
  FASHION_NETWORK_FEATURES,
  FASHION_NETWORK_SHAPES,
  FASHION_NETWORK_SIZES,
  fashionNetwork,
} from './features/fashion-network.ts';
export { pooledPixels, type PooledPixelsOptions } from './features/pooled-pixels.ts';
export { rawValues } from './features/raw-values.ts';
export { lpips, LPIPS_SHAPES, type LpipsOptions, type LpipsWeights } from './lpips/lpips.ts';
export { LPIPS_FILES, type LpipsPaths, type PublishedFile, readLpipsWeights } from './lpips/weights.ts';
export { type LpipsMetric, openLpips, type OpenLpipsOptions } from './lpips/open-lpips.ts';
