/**
 * Assignment that begins late: some train on noise as drawn first and assign from a given step or epoch on.
 */
import { AssignmentError } from '../errors.ts';
import { type Method } from '../options.ts';

/**
 * The method in force at a step: `identity` before `startStep`, `method` from it on.
 *
 * @param startStep the first step that assigns, from 0 on; 0: all of them
 * @param step counted from 0; needed when `startStep` is above 0
 * @throws AssignmentError `invalid-option`
 */
export function methodAt(method: Method, startStep: number, step: number | undefined): Method {
  check('startStep', startStep);
  if (step !== undefined) check('step', step);
  if (startStep === 0) return method;
  if (step === undefined) {
    throw new AssignmentError(
      'invalid-option',
      `assignNoise: startStep is ${startStep}, so step must say which step this is`,
    );
  }
  return step < startStep ? 'identity' : method;
}

function check(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new AssignmentError(
      'invalid-option',
      `assignNoise: ${name} must be a whole number from 0 on, got ${String(value)}`,
    );
  }
}
