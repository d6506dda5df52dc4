/** The two arms, on the CPU of Node: the page's own test (../test) runs the same on a GPU's stand-in. */
import { type Device, openDevice } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { swissRollTask } from './swiss-roll.ts';
import { type Losses, Training } from './training.ts';

const task = swissRollTask();
let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

async function losses(training: Training, steps: number): Promise<Losses[]> {
  for (let k = 0; k < steps; k++) await training.advance();
  return training.readLosses();
}

describe('Training', () => {
  it('gives both arms the same samples, and the immiscible one the same noise in another order, nearer', async () => {
    const training = new Training(device, task, 3);
    await losses(training, 1);
    const { x0, noise, reduction } = training.pairing!;
    const rows = (data: Float32Array): string[] =>
      Array.from({ length: task.batchSize }, (_, i) => data.subarray(2 * i, 2 * i + 2).join());
    expect(rows(noise.immiscible)).not.toEqual(rows(noise.vanilla));
    expect(rows(noise.immiscible).sort()).toEqual(rows(noise.vanilla).sort());
    const distance = (data: Float32Array): number =>
      rows(data).reduce(
        (sum, _, i) => sum + Math.hypot(data[2 * i]! - x0[2 * i]!, data[2 * i + 1]! - x0[2 * i + 1]!),
        0,
      );
    expect(distance(noise.immiscible) / distance(noise.vanilla) - 1).toBeCloseTo(reduction, 5);
    await training.dispose();
  });

  it('learns in both arms, and again to the same numbers from the same seed', async () => {
    const runs: Losses[][] = [];
    for (const seed of [3, 3, 4]) {
      const training = new Training(device, task, seed);
      runs.push(await losses(training, 60));
      expect(training.steps).toBe(60);
      await training.dispose();
    }
    const [first, second, other] = runs;
    expect(second).toEqual(first);
    expect(other).not.toEqual(first);
    for (const arm of ['vanilla', 'immiscible'] as const) {
      expect(first!.at(-1)![arm]).toBeLessThan(0.8 * first![0]![arm]);
    }
  });

  it('samples finite points near the data, and leaves nothing behind', async () => {
    const before = device.liveBuffers();
    const training = new Training(device, task, 3);
    await losses(training, 5);
    await training.advance(); // its losses stay unread
    const points = await training.sample('immiscible', 3);
    expect(points).toHaveLength(2 * task.shown);
    expect(points.every((value) => Math.abs(value) <= 1)).toBe(true); // clip_sample
    await training.dispose();
    expect(device.liveBuffers()).toEqual(before);
  });
});
