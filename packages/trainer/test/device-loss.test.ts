/**
 * A device that goes away in the middle of a run. The loss is made up, by programs that stop working; the device, the run
 * and what it goes on to are real.
 */
import { type Device, DeviceLostError, openDevice, Tensor } from '@immiscible/tensor-core';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { listCheckpoints } from '../src/checkpoint.ts';
import { trainStepOf } from '../src/parts.ts';
import { readEvents } from '../src/run-events.ts';
import { TrainingRun } from '../src/run.ts';
import { openData, outcomeOf, temporaryFolder, tinyRun } from './tiny.ts';

const STEPS = 8;
const config = tinyRun({ training: { steps: STEPS }, logging: { every: 2, checkpointEvery: 3 } });

/** A CPU device whose programs fail after `runs` runs, as those of a GPU that was lost do. */
async function openMortal(runs: number): Promise<Device> {
  const device = await openDevice('cpu', { threads: 1 });
  onTestFinished(() => device.dispose());
  const compile = device.compile.bind(device);
  let left = runs;
  vi.spyOn(device, 'compile').mockImplementation((f, options) => {
    const compiled = compile(f, options);
    return new Proxy(compiled, {
      apply: async (target, self, [inputs]: [Parameters<typeof compiled>[0]]) => {
        left -= 1;
        if (left < 0) throw new DeviceLostError('the GPU was lost');
        return Reflect.apply(target, self, [inputs]);
      },
    });
  });
  return device;
}

async function open(folder: string, device: Device, readEvery = 1): Promise<TrainingRun> {
  const trainStep = trainStepOf(device, config, readEvery);
  onTestFinished(() => trainStep.dispose());
  return TrainingRun.open(config, { folder, device, dataset: await openData(config), trainStep });
}

async function train(run: TrainingRun): Promise<void> {
  try {
    while (!run.finished) await run.step();
  } finally {
    await run.close();
  }
}

describe('a run whose device is lost', () => {
  it.each([
    [7, 1],
    [7, 4],
    [2, 1],
    [0, 4],
  ])(
    'after %i steps, reading every %i, goes on to the same numbers on another device',
    async (lostAfter, every) => {
      const [whole, folder] = [await temporaryFolder(), await temporaryFolder()];
      await train(await open(whole, await openMortal(Infinity)));

      const run = await open(folder, await openMortal(lostAfter), every);
      await expect(train(run)).rejects.toThrow(DeviceLostError);
      await expect(run.step(), 'it stays lost').rejects.toThrow();
      const from = Math.max(0, ...(await listCheckpoints(folder)));
      expect(from).toBe(lostAfter - (lostAfter % 3));

      await train(await open(folder, await openMortal(Infinity), every));
      expect(await outcomeOf(folder, STEPS)).toEqual(await outcomeOf(whole, STEPS));
      const events = await readEvents(folder);
      expect(events.map(({ event, step }) => [event, step]).slice(0, 2)).toEqual([
        ['started', 0],
        ['device-lost', lostAfter],
      ]);
      expect(events.at(-1)).toMatchObject({ event: 'resumed', step: from });
      expect(events.at(-1)!.detail).toMatch(/^cpu: /);
      expect(events[1]!.detail).toBe('the GPU was lost');
    },
  );

  it('leaves no half-written checkpoint where it goes away while one is written', async () => {
    const folder = await temporaryFolder();
    const run = await open(folder, await openMortal(Infinity));
    await run.step();
    const lost = vi
      .spyOn(Tensor.prototype, 'data')
      .mockRejectedValue(new DeviceLostError('the GPU was lost'));
    await expect(run.checkpoint()).rejects.toThrow(DeviceLostError);
    lost.mockRestore();
    expect(await listCheckpoints(folder)).toEqual([]);
    expect((await readEvents(folder)).at(-1)).toMatchObject({ event: 'device-lost', step: 1 });
    await run.close();
  });
});
