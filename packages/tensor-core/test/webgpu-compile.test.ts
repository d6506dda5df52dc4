/** What compiling costs and tells: each kernel once, and news of every one. */
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type CompileProgress, ones, openDevice, softmax, type Tensor } from '../src/index.ts';
import { softwareGpu } from './webgpu.ts';

const software = await softwareGpu();

describe.skipIf(!software.available)(`compiling on WebGPU${software.reason}`, () => {
  it('counts every kernel, in the option of the function or else of the device', async () => {
    const ofDevice: CompileProgress[] = [];
    const own: CompileProgress[] = [];
    const device = await openDevice('webgpu:software', { onProgress: (one) => ofDevice.push(one) });
    onTestFinished(() => device.dispose());
    const x = await device.put(ones([4, 4]));
    ofDevice.length = 0;
    const f = device.compile(({ x }: { x: Tensor }) => softmax(x).matmul(x), {
      onProgress: (one) => own.push(one),
    });
    await f({ x });
    const kernels = f.report['dispatches']!;
    expect(own.map(({ stage, done, total }) => [stage, done, total])).toEqual(
      Array.from({ length: kernels }, (_, i) => ['compiling', i + 1, kernels]),
    );
    expect(ofDevice).toEqual([]);
    await device.compile(({ x }: { x: Tensor }) => softmax(x))({ x });
    expect(ofDevice.at(-1)).toMatchObject({
      stage: 'compiling',
      label: expect.stringContaining('softmax') as string,
    });
  });

  it('compiles a kernel once a device, for all programs', async () => {
    const { globals } = await import('webgpu');
    const { GPUDevice } = globals as { GPUDevice: { prototype: GPUDevice } };
    const compiled = vi.spyOn(GPUDevice.prototype, 'createComputePipelineAsync');
    onTestFinished(() => compiled.mockRestore());
    const device = await openDevice('webgpu:software');
    onTestFinished(() => device.dispose());
    const x = await device.put(ones([4, 4]));
    const network = ({ x }: { x: Tensor }): Tensor => softmax(x.matmul(x)).matmul(x);
    const first = device.compile(network);
    const before = compiled.mock.calls.length;
    const expected = await (await first({ x })).data();
    // Both products are one kernel on other operands.
    expect(compiled.mock.calls.length - before).toBe(first.report['dispatches']! - 1);
    const after = compiled.mock.calls.length;
    expect(await (await device.compile(network)({ x })).data()).toEqual(expected);
    expect(compiled.mock.calls).toHaveLength(after);
  });
});
