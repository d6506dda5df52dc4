/** The errors of this package. Each message says the op, what was wanted, what came and what to do. */
export class TensorError extends Error {
  override name = 'TensorError';
}

/** Shapes that do not fit. */
export class ShapeError extends TensorError {
  override name = 'ShapeError';
}

/** Element types that do not fit. */
export class DTypeError extends TensorError {
  override name = 'DTypeError';
}

/** An op that a target cannot run, or that has no gradient. */
export class UnsupportedOpError extends TensorError {
  override name = 'UnsupportedOpError';
}

/** A device that cannot be opened, was disposed, or failed. */
export class DeviceError extends TensorError {
  override name = 'DeviceError';
}

/** A GPU that went away: reset by its driver, unplugged, or out of memory. Nothing on it can be read any more. */
export class DeviceLostError extends DeviceError {
  override name = 'DeviceLostError';
}

/** A tensor used after `dispose()` or after it was donated. */
export class DisposedError extends TensorError {
  override name = 'DisposedError';
}

/** A file that is not what it says it is. */
export class FormatError extends TensorError {
  override name = 'FormatError';
}
