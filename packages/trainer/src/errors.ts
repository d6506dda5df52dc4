/** The errors of this package. Each message says what was wanted, what came and what to do. */
export class TrainerError extends Error {
  override name = 'TrainerError';
}

/** A run's config that cannot be used; the message names every wrong field. */
export class ConfigError extends TrainerError {
  override name = 'ConfigError';
}

/** A sampler, label, seed or setting that does not fit the model; the message says what does. */
export class SampleError extends TrainerError {
  override name = 'SampleError';
}

/** A loss or gradient that is not finite. */
export class DivergedError extends TrainerError {
  override name = 'DivergedError';
}

/** A checkpoint or run folder that cannot be read or written. */
export class CheckpointError extends TrainerError {
  override name = 'CheckpointError';
  /** `write`: the disk did not take it; `read`: what is there cannot be used, or is not there. */
  readonly code: 'read' | 'write';

  constructor(message: string, options: ErrorOptions & { readonly code?: 'read' | 'write' } = {}) {
    super(message, options);
    this.code = options.code ?? 'read';
  }
}
