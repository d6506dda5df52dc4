/** A table of calls that must fail: what is wrong, the call, the error's class and its message. */
import { expect, it } from 'vitest';
import { type TensorError } from '../src/index.ts';

export type Refusal = [what: string, run: () => unknown, error: typeof TensorError, message: RegExp];

/** One test for each row. */
export function refuses(cases: readonly Refusal[]): void {
  it.each(cases)('%s', (_, run, error, message) => {
    expect(run).toThrow(message);
    expect(run).toThrow(error);
  });
}
