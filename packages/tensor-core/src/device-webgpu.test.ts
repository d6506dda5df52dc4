/** Devices on WebGPU as their users meet them: opened by name, beside the CPU, lost, and at the end of a process. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { runScript } from '../test/run-script.ts';
import { softwareGpu } from '../test/webgpu.ts';
import * as tc from './index.ts';

const software = await softwareGpu();

describe.skipIf(!software.available)(`openDevice on WebGPU${software.reason}`, () => {
  it('opens a software adapter only where it is asked for, and tells which it is', async () => {
    const adapter = (await tc.webgpuAdapters()).find((one) => one.software)!;
    for (const name of ['webgpu:software', adapter.name]) {
      const device = await tc.openDevice(name);
      expect(device.name).toBe('webgpu');
      expect(device.description).toContain(adapter.name);
      expect(device.description).toContain(adapter.description);
      await device.dispose();
    }
  });

  it('hands values to the CPU and takes them back', async () => {
    const gpu = await tc.openDevice('webgpu:software');
    const cpu = await tc.openDevice('cpu', { threads: 1 });
    const f = gpu.compile(({ x }: { x: tc.Tensor }) => x.add(1));
    const g = cpu.compile(({ x }: { x: tc.Tensor }) => x.mul(10));
    const there = await g({ x: await f({ x: tc.tensor([1, 2]) }) });
    expect([...(await (await f({ x: there })).data())]).toEqual([21, 31]);
    await cpu.dispose();
    await gpu.dispose();
  });

  it('computes eager values', async () => {
    const device = await tc.openDevice('webgpu:software');
    expect([...(await tc.tensor([1, 2, 3]).mul(2).add(1).data())]).toEqual([3, 5, 7]);
    await device.dispose();
    await expect(tc.ones([1]).add(1).data()).rejects.toThrow(/no device is open/);
  });

  it('says what to do where the GPU goes away, and opens again', async () => {
    const { globals } = await import('webgpu');
    const { GPUAdapter } = globals as { GPUAdapter: { prototype: GPUAdapter } };
    const opened: GPUDevice[] = [];
    const request = Reflect.get(GPUAdapter.prototype, 'requestDevice');
    const watch = vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (
      this: GPUAdapter,
      descriptor,
    ) {
      const device = await request.call(this, descriptor);
      opened.push(device);
      return device;
    });
    onTestFinished(() => watch.mockRestore());
    const grow = ({ x }: { x: tc.Tensor }): { x: tc.Tensor } => ({ x: x.add(1) });

    const first = await tc.openDevice('webgpu:software');
    const step = first.compile(grow, { donate: ['x'] });
    let { x } = await step({ x: tc.tensor([1, 2]) });
    ({ x } = await step({ x }));
    opened[0]!.destroy();
    await opened[0]!.lost;
    await expect(step({ x }).then((out) => out.x.data())).rejects.toThrow(tc.DeviceLostError);
    await expect(first.compile(grow)({ x: tc.tensor([1]) })).rejects.toThrow(
      /was lost .* open a device again/,
    );
    await expect(x.data()).rejects.toThrow(tc.DeviceError);
    await first.dispose();

    const second = await tc.openDevice('webgpu:software');
    const again = await second.compile(grow)({ x: tc.tensor([3, 4]) });
    expect([...(await again.x.data())]).toEqual([4, 5]);
    await second.dispose();
  });

  it('does not keep a process alive', async () => {
    const script = `
      import { openDevice, ones } from './src/index.ts';
      const device = await openDevice('webgpu:software');
      const f = device.compile(({ x }) => x.add(1));
      console.log((await (await f({ x: ones([1]) })).data()).join());
    `;
    expect(await runScript(script)).toBe('2\n');
    expect(await runScript(`${script}; await device.dispose();`)).toBe('2\n');
  });
});
