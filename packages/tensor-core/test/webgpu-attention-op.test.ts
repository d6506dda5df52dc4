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
  });
  afterAll(async () => {
    await cpu.dispose();
    await gpu?.dispose();
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
});
