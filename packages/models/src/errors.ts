/** The package's errors: one base class, so that a caller can tell ours from anybody else's. */

/** Base of every error that this package throws. */
export class ModelError extends Error {
  override name = 'ModelError';
}

/** A model config cannot be read, or asks for something that is not supported; the message names the field. */
export class ModelConfigError extends ModelError {
  override name = 'ModelConfigError';
}

/** Weights that are not those of the config; the message names the first of them. */
export class ModelWeightsError extends ModelError {
  override name = 'ModelWeightsError';
}

/** A tensor given to a model has the wrong shape or type, or is not wanted, or is missing. */
export class ModelInputError extends ModelError {
  override name = 'ModelInputError';
}
