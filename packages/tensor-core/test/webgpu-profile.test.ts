/** Profiles of real runs: on the GPU that the CPU plays, on one without timestamps, and on the CPU. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { conv2d, type Device, openDevice, tensor, ones, type Tensor } from '../src/index.ts';
import { openGpu } from '../src/targets/webgpu/gpu.ts';
import { GpuProfiler } from '../src/targets/webgpu/profile.ts';
import { softwareGpu } from './webgpu.ts';

const software = await softwareGpu();

async function opened(...args: Parameters<typeof openDevice>): Promise<Device> {
  const device = await openDevice(...args);
  onTestFinished(() => device.dispose());
  return device;
}

type Inputs = { x: Tensor; w: Tensor };
const inputs = (): Inputs => ({ x: ones([2, 4, 8, 8]), w: ones([4, 4, 3, 3]) });
const network = ({ x, w }: Inputs): Tensor => conv2d(conv2d(x, w, { padding: 1 }), w, { padding: 1 }).sum();

describe.skipIf(!software.available)(`a profile on WebGPU${software.reason}`, () => {
  it('times every kernel, with what it computes and moves', async () => {
    const device = await opened('webgpu:software', { tune: 'off' });
    const f = device.compile(network);
    const expected = await (await f(inputs())).item();
    device.startProfile();
    for (let i = 0; i < 3; i++) expect(await (await f(inputs())).item()).toBe(expected);
    device.stopProfile();
    await f(inputs());
    const report = await device.profile();
    expect(report).toMatchObject({ timing: 'kernels', notes: [] });
    // The inputs' own values are runs too: two for each call, besides the program.
    const kernels = report.kernels.filter(({ label }) => label.startsWith('conv2d '));
    expect(kernels.map(({ label, count }) => [label, count])).toEqual([['conv2d 2×4→4×8×8, 3×3', 6]]);
    const [conv] = kernels;
    expect(conv!.flops).toBe(6 * 2 * 2 * 4 * 4 * 9 * 64);
    expect(conv!.bytes).toBeGreaterThanOrEqual(6 * 4 * (2 * 4 * 64 + 4 * 4 * 9 + 2 * 4 * 64));
    expect(conv!.milliseconds).toBeGreaterThan(0);
    expect(report.ceilings!.gflopPerSecond).toBeGreaterThan(0.1);
    expect(report.ceilings!.gbPerSecond).toBeGreaterThan(0.01);
    expect(conv!.ceilingShare).toBeGreaterThan(0);
    expect(report.dispatches).toBe(report.kernels.reduce((sum, { count }) => sum + count, 0));
    const events = report.trace.traceEvents.filter(({ ph }) => ph === 'X');
    expect(events).toHaveLength(report.runs + report.dispatches);
    for (const { ts, dur } of events) expect(ts! >= 0 && dur! >= 0).toBe(true);
  });

  it('forgets what came before a start, and times from the beginning where it is asked to', async () => {
    const device = await opened('webgpu:software', { profile: true });
    const f = device.compile(({ x }: { x: Tensor }) => x.add(1));
    const x = tensor([1, 2]);
    await (await f({ x })).data();
    expect((await device.profile()).runs).toBe(1);
    device.startProfile();
    expect(await device.profile()).toMatchObject({ runs: 0, dispatches: 0, kernels: [] });
  });

  it('takes as many queries as a run has dispatches', async () => {
    const gpu = await openGpu('webgpu:software');
    onTestFinished(() => gpu.close());
    const profiler = new GpuProfiler(gpu);
    profiler.start();
    const work = Array.from({ length: 2049 }, (_, i) => ({ label: `${i >> 11}`, flops: 0, bytes: 1 }));
    for (const count of [work.length, 3]) {
      const sample = profiler.begin(work.slice(0, count))!;
      const encoder = gpu.device.createCommandEncoder();
      for (let i = 0; i < count; i++) encoder.beginComputePass(sample.pass(i)).end();
      sample.resolve(encoder);
      gpu.device.queue.submit([encoder.finish()]);
      sample.submitted();
    }
    const { runs, dispatches, kernels } = await profiler.report();
    gpu.check();
    expect({ runs, dispatches }).toEqual({ runs: 2, dispatches: 2052 });
    expect(Object.fromEntries(kernels.map(({ label, count }) => [label, count]))).toEqual({ 0: 2051, 1: 1 });
  });

  it('times whole runs where there are no timestamps, and says so', async () => {
    const gpu = await openGpu('webgpu:software');
    onTestFinished(() => gpu.close());
    const profiler = new GpuProfiler({
      device: gpu.device,
      adapter: gpu.adapter,
      software: true,
      features: { ...gpu.features, timestamps: false },
      lost: gpu.lost,
      check: () => gpu.check(),
      close: () => gpu.close(),
    });
    profiler.start();
    const sample = profiler.begin([
      { label: 'a', flops: 1, bytes: 2 },
      { label: 'b', flops: 10, bytes: 20 },
    ])!;
    expect(sample.pass(0)).toBeUndefined();
    const encoder = gpu.device.createCommandEncoder();
    sample.resolve(encoder);
    gpu.device.queue.submit([encoder.finish()]);
    sample.submitted();
    const report = await profiler.report();
    expect(report.timing).toBe('runs');
    expect(report.notes).toEqual([expect.stringContaining('has no timestamps')]);
    expect(report.kernels).toMatchObject([{ label: 'run of 2 kernels', count: 1, flops: 11, bytes: 22 }]);
  });
});

describe('a profile on the CPU', () => {
  it('times whole runs, and says what it cannot tell', async () => {
    const device = await opened('cpu', { threads: 1 });
    const f = device.compile(network);
    const x = await device.put(inputs());
    await (await f(x)).item();
    device.startProfile();
    await (await f(x)).item();
    await (await f(x)).item();
    const report = await device.profile();
    expect(report.timing).toBe('runs');
    expect(report.notes).toEqual([expect.stringContaining('no times, bytes or FLOPs of single kernels')]);
    expect(report.ceilings).toBeUndefined();
    expect(report.kernels).toMatchObject([
      { label: expect.stringMatching(/^run of \d+ operators$/) as string, count: 2 },
    ]);
    expect(report.kernels[0]!.milliseconds).toBeGreaterThan(0);
  });
});
