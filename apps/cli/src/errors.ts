/** The errors of the command line itself. */

/** An option, file or folder that cannot be used; the message says which, what was wanted and what to do. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The work was stopped from outside, and can be continued. */
export class InterruptedError extends Error {
  override name = 'InterruptedError';
  readonly signal: 'SIGINT' | 'SIGTERM';

  constructor(signal: 'SIGINT' | 'SIGTERM', message = 'stopped') {
    super(message);
    this.signal = signal;
  }
}

/** A part of the work failed; the rest is done, and what went wrong has been said. */
export class PartFailedError extends Error {
  override name = 'PartFailedError';
}
