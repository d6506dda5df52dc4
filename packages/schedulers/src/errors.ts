/** The package's errors: one base class, so that a caller can tell ours from anybody else's. */

/** Base of every error that this package throws. */
export class SchedulerError extends Error {
  override name = 'SchedulerError';
}

/** A scheduler config cannot be read, or asks for something that is not supported; the message names the field. */
export class SchedulerConfigError extends SchedulerError {
  override name = 'SchedulerConfigError';
}

/** An argument is out of range or of the wrong size. */
export class SchedulerArgumentError extends SchedulerError {
  override name = 'SchedulerArgumentError';
}

/** The model gave something that sampling cannot go on with: a wrong length, or a number that is not finite. */
export class SamplingError extends SchedulerError {
  override name = 'SamplingError';
}
