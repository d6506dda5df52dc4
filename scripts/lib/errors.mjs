/** A set-up step that failed; the message is all that the person needs, so it is printed without a stack. */
export class SetupError extends Error {
  name = 'SetupError';
}
