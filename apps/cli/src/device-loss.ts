/** A GPU that goes away in the middle of a run: its driver was reset, or its memory given to another program. */
import { DeviceLostError } from '@immiscible/tensor-core';
import { colorsFor, type Io, printLine } from './io.ts';

/**
 * Does `work`, which opens a device and goes on from the last checkpoint, again where the device is lost: as long as it
 * gets further than at the loss before.
 *
 * @param reached how far the work has come, in steps
 * @throws DeviceLostError at a second loss at the same place: trying again would not help
 */
export async function survivingLoss<T>(io: Io, reached: () => number, work: () => Promise<T>): Promise<T> {
  let before = -1;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const now = reached();
      if (!(error instanceof DeviceLostError) || now <= before) throw error;
      before = now;
      const colors = colorsFor(io.stderr, io.env);
      printLine(io.stderr, colors.yellow(`\n${error.message}\ncontinuing from the last checkpoint`));
    }
  }
}
