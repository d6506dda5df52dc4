/** The package's errors: one base class, so that a caller can tell ours from anybody else's. */

/** Base of every error that this package throws. */
export class MetricError extends Error {
  override name = 'MetricError';
}

/** An argument is out of range, of the wrong size, or holds numbers that are not finite. */
export class MetricArgumentError extends MetricError {
  override name = 'MetricArgumentError';
}

/** A computation did not arrive at a number that can be believed. */
export class MetricNumericError extends MetricError {
  override name = 'MetricNumericError';
}

/** A file of weights is missing, or is not the one that the features were measured with. */
export class MetricWeightsError extends MetricError {
  override name = 'MetricWeightsError';
}
