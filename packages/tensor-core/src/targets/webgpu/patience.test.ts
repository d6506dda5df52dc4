import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { softwareGpu } from '../../../test/webgpu.ts';
import { openDawn } from './dawn.ts';
import { openGpu } from './gpu.ts';
import { beginPatience } from './patience.ts';

const software = await softwareGpu();
const original = globalThis.setImmediate;

/** Some million additions, one after the other. */
const LONG_WORK = `
@group(0) @binding(0) var<storage, read_write> sum: array<u32>;
@compute @workgroup_size(1) fn main() {
  for (var i = 0u; i < 5000000u; i++) { sum[0] += sum[0] ^ i; }
}`;

afterEach(() => {
  globalThis.setImmediate = original;
});

describe('beginPatience', () => {
  it('is in place until the last holder ends it, each once', () => {
    const [endFirst, endSecond] = [beginPatience(), beginPatience()];
    expect(globalThis.setImmediate).not.toBe(original);
    endFirst();
    endFirst();
    expect(globalThis.setImmediate).not.toBe(original);
    endSecond();
    expect(globalThis.setImmediate).toBe(original);
  });

  it('passes on what is not from Dawn', async () => {
    const end = beginPatience();
    const got = await new Promise((resolve) => {
      globalThis.setImmediate((...args: unknown[]) => resolve(args), 1, 'two');
    });
    expect(got).toEqual([1, 'two']);
    await new Promise<void>((resolve) => globalThis.setImmediate(resolve));
    expect(await promisify(globalThis.setImmediate)('value')).toBe('value');
    let ran = false;
    clearImmediate(globalThis.setImmediate(() => (ran = true)));
    await new Promise<void>((resolve) => original(() => original(resolve)));
    expect(ran).toBe(false);
    end();
  });

  it('leaves alone what somebody put over it meanwhile', async () => {
    const end = beginPatience();
    const ours = globalThis.setImmediate;
    const theirs = ((callback: () => void) => ours(callback)) as typeof setImmediate;
    globalThis.setImmediate = theirs;
    end();
    expect(globalThis.setImmediate).toBe(theirs);
    await new Promise<void>((resolve) => globalThis.setImmediate(resolve));
  });
});

describe.skipIf(!software.available)(`Dawn on a software adapter${software.reason}`, () => {
  /** Turns of the event loop in which Dawn asks whether a device's work is done. */
  async function turnsOf(open: () => Promise<GPUDevice>): Promise<number> {
    let turns = 0;
    globalThis.setImmediate = ((callback: (...args: unknown[]) => void, ...args: unknown[]) => {
      turns += 1;
      return original(callback, ...args);
    }) as typeof setImmediate;
    const device = await open();
    turns = 0;
    const compute = { module: device.createShaderModule({ code: LONG_WORK }) };
    const pipeline = device.createComputePipeline({ layout: 'auto', compute });
    const buffer = device.createBuffer({ size: 4, usage: 0x80 });
    const entries = [{ binding: 0, resource: { buffer } }];
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    device.destroy();
    return turns;
  }

  it('takes no turn of the event loop while it waits', async () => {
    const entry = await openDawn();
    const impatient = async (): Promise<GPUDevice> => (await entry!.requestAdapter())!.requestDevice();
    expect(await turnsOf(impatient)).toBeGreaterThan(0);
    const patient = async (): Promise<GPUDevice> => (await openGpu('webgpu:software')).device;
    expect(await turnsOf(patient)).toBe(0);
  });
});
