import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Device,
  ones,
  openDevice,
  type ProfileReport,
  type Tensor,
  webgpuAdapters,
} from '@immiscible/tensor-core';
import pc from 'picocolors';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder, testIo, type TestIo } from '../test/cli.ts';
import { formatProfile, StepProfile } from './step-profile.ts';

const plain = pc.createColors(false);
const software = (await webgpuAdapters()).some((adapter) => adapter.software);
const why = software
  ? ''
  : ' (skipped: no software WebGPU adapter here; node scripts/lavapipe.mjs unpacks one)';

describe('formatProfile', () => {
  const kernel = (label: string, milliseconds: number): ProfileReport['kernels'][number] => ({
    label,
    count: 10,
    milliseconds,
    flops: 4e9,
    bytes: 1e8,
    gbPerSecond: 1e2 / milliseconds,
    gflopPerSecond: 4e3 / milliseconds,
    share: milliseconds / 100,
  });
  const report: ProfileReport = {
    device: 'a GPU',
    timing: 'kernels',
    notes: ['A note.'],
    runs: 10,
    dispatches: 200,
    milliseconds: 100,
    hostMilliseconds: 5,
    ceilings: { gflopPerSecond: 1000, gbPerSecond: 10 },
    kernels: [
      kernel('matmul 64×64×64', 40),
      kernel(`add ${'1×'.repeat(40)}1`, 24),
      ...Array.from({ length: 18 }, () => kernel('exp 2', 2)),
    ],
    trace: { displayTimeUnit: 'ms', traceEvents: [] },
  };

  it('shows the longest kernels, the others together, and the sum', () => {
    const lines = formatProfile(report, 10, plain).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      'Profile of 10 steps on a GPU',
      '10 runs, 200 dispatches: 10 ms a step in kernels, 0.50 ms a step to submit',
      'Ceilings, measured: 1,000 GFLOP/s, 10.0 GB/s',
    ]);
    const cells = lines.map((line) => line.trim().split(/\s{2,}/));
    expect(cells).toContainEqual(['kernel', 'count', 'time', 'share', 'GFLOP/s', 'GB/s', 'of ceiling']);
    // 4 GFLOP in 40 ms are a tenth of 1000 GFLOP/s, and 100 MB in 40 ms a quarter of 10 GB/s.
    expect(cells).toContainEqual(['matmul 64×64×64', '10', '40 ms', '40 %', '100', '2.50', '25 %']);
    expect(cells.some(([label]) => label!.length === 44 && label!.endsWith('…'))).toBe(true);
    expect(cells).toContainEqual(['4 others', '40', '8.00 ms', '8.0 %', '2,000', '50.0', '500 %']);
    expect(cells.at(-2)!.slice(0, 4)).toEqual(['all', '200', '100 ms', '100 %']);
    expect(lines.at(-1)).toBe('A note.');
  });

  it('leaves out what was not measured', () => {
    const bare: { ceilings?: unknown } & ProfileReport = { ...report, timing: 'runs' };
    delete bare.ceilings;
    const text = formatProfile(bare, 1, plain);
    expect(text).toMatch(/^10 runs: 100 ms a step, 5.00 ms a step to submit$/m);
    expect(text).toMatch(/program +count +time +share$/m);
    expect(text).not.toMatch(/ceiling|GFLOP/i);
  });
});

describe('StepProfile', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu', { threads: 1 });
    return () => device.dispose();
  });

  /** Runs steps under a profile of `planned` steps, of which `done` come. */
  async function profiled(
    planned: number,
    done: number,
    on = device,
  ): Promise<{ folder: string; io: TestIo }> {
    const folder = await temporaryFolder();
    const f = on.compile(({ x }: { x: Tensor }) => x.exp());
    onTestFinished(() => f.dispose());
    const profile = new StepProfile(on, planned);
    const x = await on.put(ones([2]));
    for (let i = 0; i < done; i++) {
      profile.beforeStep();
      await f({ x });
    }
    const io = testIo();
    await profile.finish(folder, io.stdout, io);
    return { folder, io };
  }

  it.each([
    { planned: 40, done: 40, steps: 10 },
    { planned: 40, done: 8, steps: 3 },
    { planned: 12, done: 12, steps: 10 },
    { planned: 3, done: 3, steps: 2 },
    { planned: 1, done: 1, steps: 1 },
  ])('takes $steps of $planned steps where $done are done', async ({ planned, done, steps }) => {
    const { folder, io } = await profiled(planned, done);
    const written = JSON.parse(await readFile(join(folder, 'profile.json'), 'utf8')) as ProfileReport;
    expect(written).toMatchObject({ steps, runs: steps, timing: 'runs' });
    const trace = JSON.parse(await readFile(join(folder, 'trace.json'), 'utf8')) as ProfileReport['trace'];
    expect(trace.traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(2 * steps);
    expect(io.stdout.text).toContain(
      `Profile of ${steps === 1 ? '1 step' : `${steps} steps`} on ONNX Runtime`,
    );
    expect(io.stdout.text).toContain(join(folder, 'trace.json'));
  });

  it.skipIf(!software)(`shows every kernel of a GPU${why}`, async () => {
    const gpu = await openDevice('webgpu:software', { tune: 'off' });
    onTestFinished(() => gpu.dispose());
    const { folder, io } = await profiled(12, 12, gpu);
    const written = JSON.parse(await readFile(join(folder, 'profile.json'), 'utf8')) as ProfileReport;
    expect(written).toMatchObject({ steps: 10, timing: 'kernels', kernels: [{ label: 'exp 2', count: 10 }] });
    expect(io.stdout.text).toMatch(/^Ceilings, measured: .* GFLOP\/s, .* GB\/s$/m);
    expect(io.stdout.text).toMatch(/^exp 2 +10 .* %$/m);
  });

  it('says so where the run ends before', async () => {
    const { folder, io } = await profiled(40, 5);
    expect(io.stdout.text).toMatch(/No profile: the run ended before its step 6/);
    await expect(readFile(join(folder, 'profile.json'))).rejects.toThrow(/ENOENT/);
  });

  it('throws nothing where the files cannot be written', async () => {
    const io = testIo();
    const profile = new StepProfile(device, 1);
    profile.beforeStep();
    await profile.finish(join(await temporaryFolder(), 'missing'), io.stdout, io);
    expect(io.stdout.text).toMatch(/No profile: ENOENT/);
  });
});
