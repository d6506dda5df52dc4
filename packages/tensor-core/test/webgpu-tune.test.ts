/** Choices by measurement, on the GPU that the CPU plays: measured, remembered, read again, refused. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type CompileProgress,
  openDevice,
  ones,
  type Tensor,
  type TuneMode,
  type TuningState,
} from '../src/index.ts';
import { openGpu } from '../src/targets/webgpu/gpu.ts';
import { type Kernel, whole } from '../src/targets/webgpu/kernel.ts';
import { portableCapabilities } from './kernel-operands.ts';
import { GpuMemory } from '../src/targets/webgpu/memory.ts';
import { VariantTimer } from '../src/targets/webgpu/variant-timer.ts';
import { testValue } from './kernel-harness.ts';
import { softwareGpu } from './webgpu.ts';

const software = await softwareGpu();

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'immiscible-tune-'));
  vi.stubEnv('IMMISCIBLE_CACHE', folder);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });
});

interface Compiled {
  /** Of the product below: the default moves b first, which is a dispatch more than dot products take. */
  readonly dispatches: number;
  readonly tuning: TuningState;
  readonly progress: readonly CompileProgress[];
}

/** Compiles and runs a · bᵀ on a device of its own. */
async function product(tune?: TuneMode): Promise<Compiled> {
  const progress: CompileProgress[] = [];
  const device = await openDevice('webgpu:software', {
    ...(tune && { tune }),
    onProgress: (one) => progress.push(one),
  });
  try {
    const f = device.compile(({ a, b }: { a: Tensor; b: Tensor }) => a.matmul(b.transpose()));
    const [a, b] = await Promise.all([ones([16, 24]), ones([16, 24])].map((x) => device.put(x)));
    progress.length = 0;
    const result = await (await f({ a: a!, b: b! })).data();
    expect(result).toEqual(new Float32Array(256).fill(24));
    return { dispatches: f.report['dispatches']!, tuning: device.tuning!, progress };
  } finally {
    await device.dispose();
  }
}

interface TuningFile {
  readonly adapter: string;
  readonly choices: Record<
    string,
    { variant: string; microseconds: Record<string, number>; failed: string[] }
  >;
}

describe.skipIf(!software.available)(`tuning${software.reason}`, () => {
  it('measures every variant once, remembers the fastest, and takes it the next time', async () => {
    const untuned = await product();
    expect(untuned).toMatchObject({ dispatches: 2, tuning: { mode: 'cached', measured: 0 } });
    const { tuning, progress } = await product('measure');
    expect(tuning).toMatchObject({ mode: 'measure', measured: 1 });
    expect(tuning.problem).toBeUndefined();
    expect(await readdir(join(folder, 'tuning'))).toEqual([tuning.file!.split('/').at(-1)]);
    const text = await readFile(tuning.file!, 'utf8');
    const file = JSON.parse(text) as TuningFile;
    const [[key, measured]] = Object.entries(file.choices) as [[string, TuningFile['choices'][string]]];
    expect(key).toBe('matmul nt 16x16x24 float32');
    const times = Object.entries(measured.microseconds);
    expect(times.map(([name]) => name)).toContain('dots');
    // The fastest, unless the first is nearly as fast.
    const fastest = Math.min(...times.map(([, time]) => time));
    const isFirst = measured.variant === times[0]![0];
    expect(measured.microseconds[measured.variant]).toBeLessThanOrEqual(isFirst ? fastest / 0.97 : fastest);
    const tried = times.length + measured.failed.length;
    const measuring = progress.filter(({ stage }) => stage === 'measuring');
    expect(measuring.map(({ done, total }) => [done, total])).toEqual(
      Array.from({ length: tried }, (_, i) => [i + 1, tried]),
    );

    // What the file says is what is compiled: dot products in one kernel, or b moved by a kernel of its own.
    const moved = times.map(([name]) => name).find((name) => name.startsWith('moved'))!;
    for (const [variant, dispatches] of [
      ['dots', 1],
      [moved, 2],
    ] as const) {
      file.choices[key]!.variant = variant;
      await writeFile(tuning.file!, JSON.stringify(file));
      expect(await product()).toMatchObject({ dispatches, tuning: { measured: 1 } });
      const again = await product('measure');
      expect(again.dispatches).toBe(dispatches);
      expect(again.progress.map(({ stage }) => stage)).not.toContain('measuring');
      expect(await product('off')).toMatchObject({ dispatches: 2, tuning: { mode: 'off', measured: 0 } });
    }
  });

  it.each([
    ['is not JSON', '{ "format": 1, '],
    ['is of another adapter', '{ "format": 1, "adapter": "another", "choices": {} }'],
  ])('ignores a file that %s, says so, and writes a good one', async (_, text) => {
    const { tuning } = await product('measure');
    await writeFile(tuning.file!, text);
    const broken = await product();
    expect(broken.dispatches).toBe(2);
    expect(broken.tuning).toMatchObject({ measured: 0, problem: expect.stringMatching(/^it is /) as string });
    const mended = await product('measure');
    expect(mended.tuning).toMatchObject({ measured: 1 });
    expect(mended.tuning.problem).toBeUndefined();
    expect((await product()).tuning).toMatchObject({ measured: 1 });
  });

  it('goes on where nothing can be written, and says so', async () => {
    await writeFile(join(folder, 'tuning'), 'in the way');
    const { tuning } = await product('measure');
    expect(tuning).toMatchObject({
      measured: 1,
      problem: expect.stringMatching(/^it cannot be written: /) as string,
    });
  });

  it.each([true, false])(
    'tells kernels that do not compile from those that do (timestamps: %s)',
    async (timestamps) => {
      const opened = await openGpu('webgpu:software');
      onTestFinished(() => opened.close());
      const gpu = {
        device: opened.device,
        adapter: opened.adapter,
        software: true,
        features: { ...opened.features, timestamps },
        lost: opened.lost,
        check: () => opened.check(),
        close: () => opened.close(),
      };
      const timer = new VariantTimer(gpu, new GpuMemory(gpu), portableCapabilities(true));
      const kernel = (statement: string): Kernel => ({
        label: 'fill',
        body: `fn run(group: vec3u, lane: u32) { ${statement} }`,
        invocations: 64,
        reads: {},
        writes: { y: whole(testValue({ shape: [64], dtype: 'float32' })) },
        workgroups: [1, 1, 1],
        flops: 0,
      });
      const good = kernel('y[lane] = 1.0;');
      await expect(timer.time([good, kernel('y[lane] = nonsense;')])).rejects.toThrow(
        /fill did not compile|nonsense/,
      );
      expect(await timer.time([good])).toBeGreaterThan(0);
      timer.dispose();
      gpu.check();
    },
  );
});
