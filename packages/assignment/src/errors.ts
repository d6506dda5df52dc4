/**
 * What can go wrong in an assignment, as one error class with a code, so that a trainer can tell a caller's mistake
 * from a problem that has no answer without reading messages.
 */

/**
 * - `invalid-size`: a length, shape or batch that does not match the rest
 * - `invalid-option`: an option outside what is offered
 * - `not-finite`: NaN or an infinity where a finite number is needed
 * - `infeasible`: every complete pairing uses a forbidden pair
 * - `solver-failure`: a `computeCost` hook or a solver returned something that cannot be used
 * - `worker-failure`: a worker thread could not start, or ended before it had answered
 * - `process-failure`: another process of a group failed, or sent something that cannot be used
 */
export type AssignmentErrorCode =
  | 'invalid-size'
  | 'invalid-option'
  | 'not-finite'
  | 'infeasible'
  | 'solver-failure'
  | 'worker-failure'
  | 'process-failure';

/** Every error this package throws on purpose; the message says what was wanted, what came, and what to do. */
export class AssignmentError extends Error {
  override readonly name = 'AssignmentError';
  readonly code: AssignmentErrorCode;

  constructor(code: AssignmentErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
