import { DeviceError, DeviceLostError } from '@immiscible/tensor-core';
import { expect, it } from 'vitest';
import { testIo } from '../test/cli.ts';
import { survivingLoss } from './device-loss.ts';

/** Work that loses its device at these steps, one attempt each, and is then done. */
function losingAt(steps: readonly number[]): { work: () => Promise<string>; reached: () => number } {
  const left = [...steps];
  let step = 0;
  return {
    reached: () => step,
    work: async () => {
      const next = left.shift();
      if (next === undefined) return 'done';
      step = next;
      throw new DeviceLostError('the GPU was lost');
    },
  };
}

it('goes on as long as it gets further', async () => {
  const io = testIo();
  const { work, reached } = losingAt([0, 3, 7]);
  expect(await survivingLoss(io, reached, work)).toBe('done');
  expect(io.stderr.text.match(/the GPU was lost\ncontinuing from the last checkpoint/g)).toHaveLength(3);
});

it.each([[[4, 4]], [[4, 2]]])('gives up where the device is lost at %j', async (steps) => {
  const { work, reached } = losingAt(steps);
  await expect(survivingLoss(testIo(), reached, work)).rejects.toThrow(DeviceLostError);
});

it('repeats nothing after another error', async () => {
  let attempts = 0;
  const work = async (): Promise<never> => {
    attempts += 1;
    throw new DeviceError('refused');
  };
  await expect(survivingLoss(testIo(), () => attempts, work)).rejects.toThrow('refused');
  expect(attempts).toBe(1);
});
