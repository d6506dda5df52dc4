/** Training one model: stopped by a signal and by nothing, continued, refused. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeviceLostError } from '@immiscible/tensor-core';
import { TrainingRun } from '@immiscible/trainer';
import { expect, it, vi } from 'vitest';
import { cli, type Outcome, temporaryFolder, testIo, writeConfig } from './cli.ts';

// Whole runs on however busy a machine.
vi.setConfig({ testTimeout: 300_000 });

interface Result {
  readonly folder: string;
  readonly steps: number;
  readonly loss: number;
  readonly checkpoint: string;
  readonly distanceReduction: number;
}

it('trains, and a run that was stopped continues to the same loss', async () => {
  const out = await temporaryFolder();
  const config = await writeConfig(out, { training: { steps: 12, batchSize: 16 } });
  const whole = await cli(['train', '--config', config, '--out', out, '--name', 'whole', '--json']);
  expect(whole.code).toBe(0);
  const result = JSON.parse(whole.out) as Result;
  expect(result).toMatchObject({ steps: 12, checkpoint: join(out, 'whole/checkpoints/step-00000012') });
  expect(result.distanceReduction).toBeGreaterThan(0.02);
  expect(await readdir(result.checkpoint)).toEqual(
    expect.arrayContaining(['model_index.json', 'unet', 'scheduler']),
  );

  const io = testIo();
  const watch = setInterval(() => {
    if (!io.stderr.text.includes('1/12 steps')) return;
    clearInterval(watch);
    io.interrupts.emit('SIGTERM');
  }, 1);
  const stopped = await cli(['train', '--config', config, '--out', out, '--name', 'stopped'], io);
  expect(stopped.code).toBe(143);
  expect(stopped.err).toMatch(/Stopped at step \d+\. Continue with: immiscible train --resume .*stopped\n$/);
  const taken = await cli(['train', '--config', config, '--out', out, '--name', 'stopped']);
  expect([taken.code, taken.err]).toEqual([
    2,
    expect.stringContaining('holds a run already; continue it with --resume'),
  ]);

  const continued = await cli(['train', '--resume', join(out, 'stopped')]);
  expect(continued.code).toBe(0);
  expect(continued.out).toMatch(/^12 steps, 192 images: loss /m);
  const log = async (name: string): Promise<number[]> =>
    (await readFile(join(out, name, 'log.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { loss: number }).loss);
  expect(await log('stopped')).toEqual(await log('whole'));
});

it('goes on from the last checkpoint where the GPU goes away, to the same loss', async () => {
  const out = await temporaryFolder();
  const config = await writeConfig(out, { training: { steps: 12, batchSize: 16 } });
  const train = (name: string): Promise<Outcome> =>
    cli(['train', '--config', config, '--out', out, '--name', name, '--json']);
  const whole = JSON.parse((await train('whole')).out) as Result;

  const step = Reflect.get(TrainingRun.prototype, 'step');
  let steps = 0;
  const losing = vi.spyOn(TrainingRun.prototype, 'step').mockImplementation(function (this: TrainingRun) {
    steps += 1;
    return steps === 7 ? Promise.reject(new DeviceLostError('the GPU was lost')) : step.call(this);
  });
  const { code, out: printed, err } = await train('lost');
  losing.mockRestore();
  expect(code).toBe(0);
  // Six steps, the checkpoint after four of them, and the eight from there.
  expect(steps).toBe(6 + 1 + 8);
  expect(err).toMatch(/the GPU was lost\ncontinuing from the last checkpoint\n[^]*from step 4 to 12/);
  expect((JSON.parse(printed) as Result).loss).toBe(whole.loss);
});

it('trains in float16, says which steps overflowed, and keeps to it when it is resumed', async () => {
  const out = await temporaryFolder();
  const config = await writeConfig(out, {
    training: { steps: 6, batchSize: 16, lossScale: { initial: 2 ** 30, backoff: 2 ** -6 } },
    logging: { every: 1 },
  });
  const options = ['train', '--config', config, '--out', out, '--name', 'half'];
  const trained = await cli([...options, '--precision', 'f16']);
  expect(trained.code).toBe(0);
  expect(trained.err).toMatch(/6\/6 steps .* skipped [1-4]/);
  expect(trained.out).toMatch(/^6 steps, 96 images: .*; [1-4] steps? skipped, where float16 overflowed$/m);
  const written = JSON.parse(await readFile(join(out, 'half', 'config.json'), 'utf8')) as object;
  expect(written).toMatchObject({ precision: 'f16', training: { lossScale: { initial: 2 ** 30 } } });
  const resumed = await cli(['train', '--resume', join(out, 'half'), '--json']);
  const result = JSON.parse(resumed.out) as { skippedSteps: number; lossScale: number };
  expect(result.lossScale).toBe(2 ** (30 - 6 * result.skippedSteps));
  const other = await cli([...options, '--resume', '--precision', 'f32']);
  expect([other.code, other.err]).toEqual([
    2,
    expect.stringContaining('leave --set, --seed and --precision out'),
  ]);
  expect((await cli([...options, '--precision', 'f8'])).code).toBe(2);
});

it('shows where steps spend their time, where it is stopped as well', async () => {
  const out = await temporaryFolder();
  const config = await writeConfig(out, { training: { steps: 12, batchSize: 16 } });
  const options = ['train', '--config', config, '--out', out, '--device', 'cpu', '--profile'];
  const { code, out: printed, err } = await cli([...options, '--name', 'whole', '--tune', '--json']);
  expect(code).toBe(0);
  const { folder } = JSON.parse(printed) as Result;
  expect(err).toMatch(/^Profile of 10 steps on ONNX Runtime/m);
  expect(err).toMatch(/^Nothing to tune: the device cpu chooses its own kernels$/m);
  const json = async (name: string, run = folder): Promise<object> =>
    JSON.parse(await readFile(join(run, name), 'utf8')) as object;
  expect(await json('profile.json')).toMatchObject({ steps: 10, timing: 'runs', runs: 10 });
  expect(await json('trace.json')).toMatchObject({ displayTimeUnit: 'ms' });

  const io = testIo();
  const step = Reflect.get(TrainingRun.prototype, 'step');
  const stopping = vi.spyOn(TrainingRun.prototype, 'step').mockImplementation(async function (
    this: TrainingRun,
  ) {
    const report = await step.call(this);
    if (report.step === 5) io.interrupts.emit('SIGTERM');
    return report;
  });
  const stopped = await cli([...options, '--name', 'stopped'], io);
  stopping.mockRestore();
  expect(stopped.code).toBe(143);
  expect(stopped.out).toMatch(/^Profile of 3 steps on ONNX Runtime/m);
  expect(await json('profile.json', join(out, 'stopped'))).toMatchObject({ steps: 3 });
});

it('names a run after its arm or its method', async () => {
  const out = await temporaryFolder();
  const arms = [
    { name: 'a', assignment: { method: 'identity' } },
    { name: 'b', assignment: { method: 'linear' } },
  ];
  const config = await writeConfig(out, { arms, training: { steps: 1, batchSize: 16 } });
  const which = await cli(['train', '--config', config, '--out', out]);
  expect([which.code, which.err]).toEqual([2, expect.stringContaining('choose an arm with --arm: a, b')]);
  const unknown = await cli(['train', '--config', config, '--out', out, '--arm', 'c']);
  expect([unknown.code, unknown.err]).toEqual([2, expect.stringContaining('there is no arm c')]);
  const arm = await cli(['train', '--config', config, '--out', out, '--arm', 'b', '--json']);
  expect(arm.code).toBe(0);
  expect((JSON.parse(arm.out) as Result).folder).toBe(join(out, 'tiny-b'));
});
