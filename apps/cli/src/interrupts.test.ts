import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { testIo } from '../test/cli.ts';
import { InterruptedError } from './errors.ts';
import { interruptible } from './interrupts.ts';

it('aborts at the first signal, once for one key press, and ends the process at the next', async () => {
  const io = testIo();
  const work = interruptible(io, async (signal) => {
    io.interrupts.emit('SIGTERM');
    expect(signal.aborted).toBe(true);
    io.interrupts.emit('SIGINT');
    expect(io.exits).toEqual([]);
    await sleep(1050);
    io.interrupts.emit('SIGINT');
    expect(io.exits).toEqual([130]);
    signal.throwIfAborted();
  });
  const error = await work.catch((e: unknown) => e);
  expect(error).toBeInstanceOf(InterruptedError);
  expect((error as InterruptedError).signal).toBe('SIGTERM');
  expect(io.stderr.text).toBe('\nstopping after this step… (once more to stop at once)\n');
  expect(io.interrupts.eventNames()).toEqual([]);
});

it('gives what the work gives, and leaves no listener behind', async () => {
  const io = testIo();
  expect(await interruptible(io, async () => 7)).toBe(7);
  await expect(interruptible(io, () => Promise.reject(new Error('own')))).rejects.toThrow('own');
  expect(io.interrupts.eventNames()).toEqual([]);
});
