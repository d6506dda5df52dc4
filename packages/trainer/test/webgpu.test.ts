/** Whole runs on WebGPU: the numbers of the CPU from the same seed, in float32, and near them in float16. */
import { openDevice, webgpuAdapters } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { TrainingRun } from '../src/run.ts';
import { openData, type Overrides, temporaryFolder, tinyRun } from './tiny.ts';

const adapters = await webgpuAdapters();
const reason = adapters.some(({ software }) => software)
  ? ''
  : ' (skipped: no software WebGPU adapter here; node scripts/lavapipe.mjs unpacks one)';

/** Losses of a run's steps on a device of its own. */
async function lossesOn(
  deviceName: string,
  overrides: Overrides,
): Promise<{ losses: number[]; live: number[] }> {
  const device = await openDevice(deviceName);
  try {
    const config = tinyRun({ ...overrides, device: deviceName });
    const run = await TrainingRun.create(config, {
      folder: await temporaryFolder(),
      device,
      dataset: await openData(config),
    });
    const losses: number[] = [];
    const live: number[] = [];
    while (!run.finished) {
      losses.push(...(await run.step()).numbers.map(({ loss }) => loss));
      live.push(device.liveBuffers().bytes);
    }
    losses.push(...(await run.read()).map(({ loss }) => loss));
    await run.close();
    return { losses, live };
  } finally {
    await device.dispose();
  }
}

describe.skipIf(reason !== '')(`training on WebGPU${reason}`, () => {
  it('takes 20 steps to the losses of the CPU', async () => {
    const overrides = { training: { steps: 20 } };
    const cpu = await lossesOn('cpu', overrides);
    const gpu = await lossesOn('webgpu:software', overrides);
    expect(gpu.losses).toHaveLength(20);
    cpu.losses.forEach((loss, k) =>
      expect(Math.abs(gpu.losses[k]! / loss - 1), `step ${k + 1}`).toBeLessThan(1e-3),
    );
    expect(gpu.losses.at(-1)).toBeLessThan(gpu.losses[0]! * 0.8);
  }, 300_000);

  it.each([
    [
      'consistency-training',
      {
        objective: { kind: 'consistency-training', s1: 6 },
        scheduler: { _class_name: 'CMStochasticIterativeScheduler' },
      },
    ],
    ['edm', { objective: { kind: 'edm' }, scheduler: { _class_name: 'EDMHeunScheduler' } }],
    [
      'flow-matching',
      { objective: { kind: 'flow-matching' }, scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler' } },
    ],
  ])(
    '%s: the losses of the CPU',
    async (_, overrides) => {
      const few = { ...overrides, training: { steps: 6 } };
      const [cpu, gpu] = [await lossesOn('cpu', few), await lossesOn('webgpu:software', few)];
      cpu.losses.forEach((loss, k) =>
        expect(Math.abs(gpu.losses[k]! / loss - 1), `step ${k + 1}`).toBeLessThan(1e-3),
      );
    },
    300_000,
  );

  it('computes in float16 near the losses of float32', async () => {
    const full = await lossesOn('webgpu:software', {});
    const half = await lossesOn('webgpu:software', { precision: 'f16' });
    full.losses.forEach((loss, k) =>
      expect(Math.abs(half.losses[k]! / loss - 1), `step ${k + 1}`).toBeLessThan(2e-2),
    );
    expect(half.losses).not.toEqual(full.losses);
  }, 300_000);
});
