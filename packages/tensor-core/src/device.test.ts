import { describe, expect, it } from 'vitest';
import { runScript } from '../test/run-script.ts';
import * as tc from './index.ts';

describe('openDevice', () => {
  it('describes what it opened', async () => {
    const device = await tc.openDevice('cpu', { threads: 2 });
    expect(device.name).toBe('cpu');
    expect(device.description).toMatch(
      /^ONNX Runtime \d+\.\d+\.\d+, 2 threads, (blocks of \d+ channels|plain layout)$/,
    );
    await device.dispose();
  });

  it.each([0, -1, 1.5, NaN, Infinity, '2' as unknown as number])('refuses %s threads', async (threads) => {
    await expect(tc.openDevice('cpu', { threads })).rejects.toThrow(tc.DeviceError);
    await expect(tc.openDevice('cpu', { threads })).rejects.toThrow(
      /wants a whole number of threads of at least 1, got/,
    );
  });

  it('refuses a device that is none, and tells which there are', async () => {
    const error = await tc.openDevice('no such thing').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(tc.DeviceError);
    const adapters = await tc.webgpuAdapters();
    const message = (error as Error).message;
    expect(message).toMatch(/there is no WebGPU adapter whose name holds "no such thing"; .*"auto" or "cpu"/);
    for (const { name } of adapters) expect(message).toContain(`"${name}"`);
    expect(message.includes('finds none at all')).toBe(adapters.length === 0);
  });

  it('takes hardware where there is some, else the CPU, never a software adapter', async () => {
    const device = await tc.openDevice('auto', { threads: 1 });
    const hardware = (await tc.webgpuAdapters()).find(({ software }) => !software);
    expect(device.name).toBe(hardware ? 'webgpu' : 'cpu');
    if (hardware) expect(device.description).toContain(hardware.name);
    await device.dispose();
  });

  it('gives the same numbers on any number of threads', async () => {
    const run = async (threads: number): Promise<tc.HostArray> => {
      const device = await tc.openDevice('cpu', { threads });
      const x = tc
        .arange(64 * 64)
        .mul(0.01)
        .sin()
        .reshape([64, 64]);
      const values = await tc.softmax(x.matmul(x)).sum(0).data();
      await device.dispose();
      return values;
    };
    expect(await run(3)).toEqual(await run(1));
  });
});

describe('two devices', () => {
  it('hold values of their own, and hand them to each other', async () => {
    const a = await tc.openDevice('cpu', { threads: 1 });
    const b = await tc.openDevice('cpu', { threads: 2 });
    const f = a.compile(({ x }: { x: tc.Tensor }) => x.add(1));
    const g = b.compile(({ x }: { x: tc.Tensor }) => x.mul(10));
    const x = tc.tensor([1, 2]);
    const there = await g({ x: await f({ x }) });
    const back = await f({ x: there });
    expect([...(await back.data())]).toEqual([21, 31]);
    const both = await Promise.all([f({ x }), g({ x })]);
    expect(await Promise.all(both.map(async (y) => [...(await y.data())]))).toEqual([
      [2, 3],
      [10, 20],
    ]);
    await b.dispose();
    expect([...(await f({ x }).then((y) => y.data()))]).toEqual([2, 3]);
    await a.dispose();
  });

  it('donate a value of the other without touching its memory', async () => {
    const a = await tc.openDevice('cpu', { threads: 1 });
    const b = await tc.openDevice('cpu', { threads: 1 });
    const onA = await a.put(tc.tensor([1, 2, 3]));
    const read = await onA.data();
    const grow = b.compile(({ x }: { x: tc.Tensor }) => ({ x: x.add(1) }), { donate: ['x'] });
    let { x } = await grow({ x: onA });
    for (let i = 0; i < 4; i++) ({ x } = await grow({ x }));
    expect([...read]).toEqual([1, 2, 3]);
    expect([...(await x.data())]).toEqual([6, 7, 8]);
    expect(a.liveBuffers()).toEqual({ count: 0, bytes: 0 });
    await a.dispose();
    await b.dispose();
  });

  it('compute eager values on the one opened last that is still open', async () => {
    const first = await tc.openDevice('cpu', { threads: 1 });
    const second = await tc.openDevice('cpu', { threads: 1 });
    const live = (): number[] => [first, second].map((device) => device.liveBuffers().count);
    const [x, y] = [tc.full([2], 1).exp(), tc.full([2], 1).exp()];
    await x.evaluate();
    expect(live()).toEqual([0, 1]);
    await second.dispose();
    await y.evaluate();
    expect(live()).toEqual([1, 1]);
    await first.dispose();
    await expect(tc.ones([1]).data()).rejects.toThrow(/no device is open/);
  });
});

describe('put', () => {
  it('copies a tree and leaves the original as it is', async () => {
    const device = await tc.openDevice('cpu', { threads: 1 });
    const host = Float32Array.of(1, 2);
    const tree = { a: tc.tensor(host), b: [tc.ones([2], 'int32').add(1)] };
    const copy = await device.put(tree);
    tc.disposeTree(tree);
    host[0] = 99;
    expect([...(await copy.a.data())]).toEqual([1, 2]);
    expect([...(await copy.b[0]!.data())]).toEqual([2, 2]);
    expect(copy.b[0]!.dtype).toBe('int32');
    await device.dispose();
  });
});

describe('dispose', () => {
  it('ends everything that the device compiled, once', async () => {
    const device = await tc.openDevice('cpu', { threads: 1 });
    const f = device.compile(({ x }: { x: tc.Tensor }) => x.add(1));
    await f({ x: tc.tensor([1]) });
    await device.dispose();
    await device.dispose();
    await expect(f({ x: tc.tensor([1]) })).rejects.toThrow(tc.DisposedError);
    expect(() => device.compile(({ x }: { x: tc.Tensor }) => x)).toThrow(
      /this device was disposed; open another with openDevice/,
    );
    await expect(device.put(tc.ones([1]))).rejects.toThrow(tc.DeviceError);
  });
});

describe('memory', () => {
  it('is flat over 200 steps: buffers, bytes and the heap beside them', async () => {
    const script = `
      import { openDevice, tensor, valueAndGrad } from './src/index.ts';
      const device = await openDevice('cpu', { threads: 1 });
      const size = 256 * 1024;
      const step = device.compile(
        ({ state, x }) => {
          const { value, gradients } = valueAndGrad((w) => w.mul(x).sub(1).square().mean())(state.w);
          return { state: { w: state.w.sub(gradients.mul(0.1)) }, loss: value };
        },
        { donate: ['state'] },
      );
      let state = await device.put({ w: tensor(new Float32Array(size)) });
      const samples = [];
      for (let i = 1; i <= 200; i++) {
        const out = await step({ state, x: tensor(new Float32Array(size).fill(i / 200)) });
        state = out.state;
        await out.loss.item();
        out.loss.dispose();
        if (i % 50 === 0) {
          globalThis.gc();
          await new Promise((done) => setTimeout(done, 20));
          globalThis.gc();
          const { arrayBuffers, rss } = process.memoryUsage();
          samples.push({ ...device.liveBuffers(), arrayBuffers, rss });
        }
      }
      console.log(JSON.stringify(samples));
      await device.dispose();
    `;
    interface Sample { count: number; bytes: number; arrayBuffers: number; rss: number } // prettier-ignore
    const samples = JSON.parse(await runScript(script, ['--expose-gc'])) as Sample[];
    const mebibyte = 2 ** 20;
    expect(samples).toHaveLength(4);
    for (const sample of samples) {
      expect({ count: sample.count, bytes: sample.bytes }).toEqual({ count: 1, bytes: mebibyte });
      expect(Math.abs(sample.arrayBuffers - samples[0]!.arrayBuffers)).toBeLessThanOrEqual(2 * mebibyte);
    }
    // 150 steps of at least 2 MiB each would show.
    expect(samples.at(-1)!.rss - samples[0]!.rss).toBeLessThan(64 * mebibyte);
  });
});

describe('a process', () => {
  it('ends by itself, with its device open', async () => {
    const script = `
      import { openDevice, ones } from './src/index.ts';
      const device = await openDevice('cpu', { threads: 2 });
      const f = device.compile(({ x }) => x.add(1));
      console.log((await f({ x: ones([1]) })).shape.join());
    `;
    expect(await runScript(script)).toBe('1\n');
  });
});
