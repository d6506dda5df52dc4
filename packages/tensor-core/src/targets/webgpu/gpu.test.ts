import { describe, expect, it } from 'vitest';
import { runScript } from '../../../test/run-script.ts';
import { softwareGpu } from '../../../test/webgpu.ts';
import { DeviceError, DeviceLostError } from '../../errors.ts';
import { openGpu } from './gpu.ts';

const software = await softwareGpu();
/** WebGPU's numbers for the usage of buffers. */
const [STORAGE, COPY_DST] = [0x80, 0x8];

describe.skipIf(!software.available)(`openGpu${software.reason}`, () => {
  it('asks for all that the adapter has of what kernels use', async () => {
    const gpu = await openGpu('webgpu:software');
    expect(gpu.software).toBe(true);
    expect(gpu.adapter.software).toBe(true);
    const { limits } = gpu.device;
    for (const limit of [
      'maxStorageBufferBindingSize',
      'maxBufferSize',
      'maxStorageBuffersPerShaderStage',
      'maxComputeWorkgroupStorageSize',
      'maxComputeInvocationsPerWorkgroup',
      'maxComputeWorkgroupSizeX',
    ] as const) {
      expect(limits[limit], limit).toBe(gpu.adapter.limits[limit]);
    }
    expect(gpu.features).toEqual({
      f16: gpu.adapter.features.includes('shader-f16'),
      subgroups: gpu.adapter.features.includes('subgroups'),
      timestamps: gpu.adapter.features.includes('timestamp-query'),
    });
    gpu.close();
  });

  it('takes part of a name', async () => {
    const byKind = await openGpu('webgpu:software');
    const byName = await openGpu(byKind.adapter.name.slice(0, 6).toUpperCase());
    expect(byName.adapter.name.slice(0, 6)).toBe(byKind.adapter.name.slice(0, 6));
    byKind.close();
    byName.close();
  });

  it('throws what WebGPU reported first, once, with the name of the op', async () => {
    const gpu = await openGpu('webgpu:software');
    gpu.check();
    gpu.device.createShaderModule({ label: 'conv2d 3×3', code: 'fn main( {' });
    gpu.device.createBuffer({ label: 'second', size: 4, usage: 0 });
    expect(() => gpu.check()).toThrow(DeviceError);
    gpu.check();
    gpu.device.createShaderModule({ label: 'conv2d 3×3', code: 'fn main( {' });
    expect(() => gpu.check()).toThrow(/^WebGPU refused a call: .*[^]*conv2d 3×3/);
    gpu.close();
  });

  it('reports a lost device, to who waits for it and on every check', async () => {
    const gpu = await openGpu('webgpu:software');
    gpu.device.destroy();
    const lost = await gpu.lost;
    expect(lost).toBeInstanceOf(DeviceLostError);
    expect(lost.message).toMatch(/^the GPU "llvmpipe.*" was lost \(.+\).*resume from the last checkpoint/);
    expect(() => gpu.check()).toThrow(lost);
    expect(() => gpu.check()).toThrow(lost);
    gpu.close();
  });

  it('loses nothing when it is closed, however often', async () => {
    const gpu = await openGpu('webgpu:software');
    gpu.close();
    gpu.close();
    expect((await gpu.device.lost).reason).toBe('destroyed');
    await new Promise((resolve) => setTimeout(resolve, 0));
    gpu.check();
  });

  it('does not keep a process alive, closed or not', async () => {
    const script = `
      import { openGpu } from './src/targets/webgpu/gpu.ts';
      globalThis.gpu = await openGpu('webgpu:software');
      const { device } = globalThis.gpu;
      const [from, to] = [0x8 | 0x4, 0x8 | 0x1].map((usage) => device.createBuffer({ size: 4, usage }));
      device.queue.writeBuffer(from, 0, Float32Array.of(42));
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(from, 0, to, 0, 4);
      device.queue.submit([encoder.finish()]);
      await to.mapAsync(0x1);
      console.log(new Float32Array(to.getMappedRange())[0]);
    `;
    expect(await runScript(script)).toBe('42\n');
    expect(await runScript(`${script}; globalThis.gpu.close();`)).toBe('42\n');
  });
});

describe("Dawn's backend that computes nothing", () => {
  it('gets the kernels of software adapters on request', async () => {
    const gpu = await openGpu('webgpu:null:software');
    expect(gpu.software).toBe(true);
    gpu.close();
  });

  it('tells of too little memory', async () => {
    const gpu = await openGpu('webgpu:null');
    expect(gpu.software).toBe(false);
    for (let i = 0; i < 5; i++) {
      gpu.device.createBuffer({ size: 2 ** 27, usage: STORAGE | COPY_DST });
    }
    expect(() => gpu.check()).toThrow(/^WebGPU is out of memory: .*Use a smaller batch/s);
    gpu.close();
  });
});
