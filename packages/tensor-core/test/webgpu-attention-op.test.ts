/**
 * Attention as an op through the whole WebGPU target. Software adapters take it apart, so that here one says that it is
 * a GPU.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tc from '../src/index.ts';
import { Device } from '../src/device.ts';
import { OnnxTarget } from '../src/targets/onnx/target.ts';
import { type Gpu, openGpu } from '../src/targets/webgpu/gpu.ts';
import { WebGpuTarget } from '../src/targets/webgpu/target.ts';
import { softwareGpu, randomData, why, worstError } from './kernel-operands.ts';

describe('attention on a GPU', () => {
  let cpu: Device;
  let gpu: Device | undefined;
  let lanes: Device | undefined;
  beforeAll(async () => {
    cpu = new Device(await OnnxTarget.open({ threads: 1 }));
    if (!softwareGpu) return;
    const opened = await openGpu('webgpu:software');
    const { device, adapter, features, lost } = opened;
    const hardware: Gpu = {
      device,
      adapter,
      features,
      lost,
      software: false,
      check: () => opened.check(),
      close: () => opened.close(),
    };
    gpu = new Device(new WebGpuTarget(hardware));
    lanes = new Device(new WebGpuTarget(await openGpu('webgpu:software')));
  });
  afterAll(async () => {
    await cpu.dispose();
    await gpu?.dispose();
    await lanes?.dispose();
  });

  it.skipIf(!softwareGpu)(`agrees with the CPU, forwards and backwards${why}`, async () => {
    const shapes = [
      [2, 2, 9, 8],
      [2, 2, 7, 8],
      [2, 2, 7, 8],
    ] as const;
    const run = async (device: Device): Promise<Float32Array[]> => {
      const inputs = shapes.map((shape, i) => tc.tensor(randomData(shape, 'float32', 30 + i), shape));
      const weights = tc.tensor(randomData(shapes[0], 'float32', 33), shapes[0]);
      const attend = (x: tc.Tensor[]): tc.Tensor => tc.scaledDotProductAttention(x[0]!, x[1]!, x[2]!);
      const loss = (x: tc.Tensor[]): tc.Tensor => attend(x).mul(weights).sum();
      const step = device.compile(({ x }: { x: tc.Tensor[] }) => [attend(x), ...tc.grad(loss)(x)]);
      const results = await step({ x: inputs });
      await step.dispose();
      return Promise.all(results.map((result) => result.data() as Promise<Float32Array>));
    };
    const wanted = await run(cpu);
    (await run(gpu!)).forEach((result, i) => expect(worstError(result, wanted[i]!)).toBeLessThan(1e-5));
  });

  // Products and attention store heads where their readers want them: whole vectors of four, and odd ones.
  it.skipIf(!softwareGpu).each([4, 3])(
    `takes heads of %i apart and together again${why}`,
    async (depth) => {
      const [batch, length, heads] = [2, 5, 2];
      const width = heads * depth;
      const shapes = [[batch, length, width], ...Array.from({ length: 4 }, () => [width, width])];
      const run = async (device: Device): Promise<{ results: Float32Array[]; dispatches: number }> => {
        const inputs = shapes.map((shape, i) => tc.tensor(randomData(shape, 'float32', 40 + i), shape));
        const attend = ([x, q, k, v, o]: tc.Tensor[]): tc.Tensor => {
          const headed = (w: tc.Tensor): tc.Tensor =>
            x!.matmul(w).reshape([batch, length, heads, depth]).transpose([0, 2, 1, 3]);
          const together = tc.scaledDotProductAttention(headed(q!), headed(k!), headed(v!));
          return together.transpose([0, 2, 1, 3]).reshape([batch, length, width]).matmul(o!);
        };
        const loss = (x: tc.Tensor[]): tc.Tensor => attend(x).square().sum();
        const step = device.compile(({ x }: { x: tc.Tensor[] }) => [attend(x), ...tc.grad(loss)(x)]);
        const outputs = await step({ x: inputs });
        const dispatches = step.report['dispatches']!;
        await step.dispose();
        return {
          results: await Promise.all(outputs.map((result) => result.data() as Promise<Float32Array>)),
          dispatches,
        };
      };
      const wanted = await run(cpu);
      for (const device of [gpu!, lanes!]) {
        const { results, dispatches } = await run(device);
        results.forEach((result, i) => expect(worstError(result, wanted.results[i]!)).toBeLessThan(1e-5));
        expect(dispatches).toBeLessThanOrEqual(24);
      }
    },
    300_000,
  );
});
