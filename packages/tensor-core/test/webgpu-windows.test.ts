/** Values larger than an adapter's largest binding: kernels see them through several. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/device.ts';
import * as tc from '../src/index.ts';
import { openGpu } from '../src/targets/webgpu/gpu.ts';
import { WebGpuTarget } from '../src/targets/webgpu/target.ts';
import { throughWindows, windowFunctions, windowsOf } from '../src/targets/webgpu/windows.ts';
import { relativeError } from './golden.ts';
import { softwareGpu } from './webgpu.ts';

const gpu = await softwareGpu();

/** Bytes of a binding: the values below take two to four of them. */
const LIMIT = 16_384;

function ramp(...shape: number[]): tc.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tc.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 0.7) / 2),
    shape,
  );
}

type Inputs = Record<string, tc.Tensor>;

const image = { x: ramp(2, 8, 24, 24), w: ramp(8, 8, 3, 3), g: ramp(8), b: ramp(8) };
const tokens = { q: ramp(2, 2, 50, 32), k: ramp(2, 2, 50, 32), v: ramp(2, 2, 50, 32) };

const programs: Readonly<Record<string, { inputs: Inputs; f: (inputs: Inputs) => tc.Tensor }>> = {
  'a chain of elementwise arithmetic with broadcasts': {
    inputs: { a: ramp(80, 100), b: ramp(80, 1), c: ramp(100) },
    f: ({ a, b, c }) => a!.mul(b!).add(c!).tanh().mul(a!.square()),
  },
  'transposes, slices, pads and concatenations': {
    inputs: { a: ramp(60, 90), b: ramp(90, 60) },
    f: ({ a, b }) =>
      tc
        .concat([a!.transpose([1, 0]).sin(), b!.slice([0, 10], [90, 50])], 1)
        .pad([
          [1, 2],
          [0, 3],
        ])
        .square(),
  },
  'sums and maxima over every axis': {
    inputs: { a: ramp(12, 30, 20) },
    f: ({ a }) =>
      a!
        .sum([0])
        .mul(a!.mean([1], true))
        .add(a!.square().max([2], true))
        .mul(a!.sum())
        .sum([1]),
  },
  'softmax along rows': { inputs: { a: ramp(70, 90) }, f: ({ a }) => tc.softmax(a!.mul(3)).square() },
  'convolution, GroupNorm and SiLU': {
    inputs: image,
    f: ({ x, w, g, b }) =>
      tc.silu(tc.groupNorm(tc.conv2d(x!, w!, { padding: 1 }), g!, b!, { groups: 4, eps: 1e-5 })),
  },
  attention: {
    inputs: tokens,
    f: ({ q, k, v }) => tc.scaledDotProductAttention(q!, k!, v!),
  },
  'rows of a large table': {
    inputs: { table: ramp(500, 16), scale: ramp(16) },
    f: ({ table, scale }) => {
      const rows = tc.tensor(
        Int32Array.from({ length: 300 }, (_, i) => (i * 37) % 500),
        [300],
        'int32',
      );
      return tc.embedding(table!, rows).mul(scale!);
    },
  },
  'products in batches': {
    inputs: { a: ramp(3, 60, 40), b: ramp(3, 40, 50) },
    f: ({ a, b }) => a!.matmul(b!).tanh(),
  },
};

describe.skipIf(!gpu.available)(`values over the limit of a binding${gpu.reason}`, () => {
  let small: Device;
  let cpu: Device;

  beforeAll(async () => {
    cpu = await tc.openDevice('cpu', { threads: 1 });
    small = new Device(
      new WebGpuTarget(await openGpu('webgpu:software'), undefined, {
        bindingBytes: LIMIT,
        storageBuffers: 16,
      }),
    );
  });
  afterAll(() => Promise.all([cpu, small].map((device) => device.dispose())));

  it.each(Object.entries(programs))('%s, with the gradient', async (_, { inputs, f }) => {
    const largest = Math.max(...Object.values(inputs).map(({ size }) => size * 4));
    expect(largest).toBeGreaterThan(LIMIT);
    const run = async (device: Device): Promise<tc.HostArray[]> => {
      const compiled = device.compile((given: Inputs) => {
        const { value, gradients } = tc.valueAndGrad((x: Inputs) => {
          const y = f(x);
          return { y, loss: y.mul(y.mul(0.5).cos()).sum() };
        })(given);
        return { y: value.y, ...gradients };
      });
      const results = await compiled(inputs);
      const values = await Promise.all(Object.values(results).map((t) => t.data()));
      await compiled.dispose();
      return values;
    };
    const [expected, got] = [await run(cpu), await run(small)];
    expected.forEach((values, i) => expect(relativeError(got[i]!, values)).toBeLessThan(1e-4));
  });

  it('says which kernel needs more bindings than there are', async () => {
    const device = new Device(
      new WebGpuTarget(await openGpu('webgpu:software'), undefined, { bindingBytes: 256, storageBuffers: 4 }),
    );
    const a = ramp(80, 100);
    await expect(device.compile(({ a }: { a: tc.Tensor }) => a.exp())({ a })).rejects.toThrow(
      /exp 80×100 needs 250 storage bindings of at most .* MiB, this adapter has 4; use a smaller batch/,
    );
    await device.dispose();
  });
});

describe('windows', () => {
  it('are as many as the bytes need, wherever the first of them lies in its binding', () => {
    expect([100, 767, 768, 769, 1024, 2000].map((bytes) => windowsOf(bytes, 1024, 256))).toEqual([
      1, 1, 1, 2, 2, 3,
    ]);
  });

  it('replace reads and writes, also those inside of indices and values', () => {
    const code = 'y[y_at() + x[u32(x[i])]] = f(y[i], x[2]) + xx[i]; if (x[0] == 1) { let z = x[3].w; }';
    expect(throughWindows(code, 'x')).toBe(
      'y[y_at() + x_get(u32(x_get(i)))] = f(y[i], x_get(2)) + xx[i]; if (x_get(0) == 1) { let z = x_get(3).w; }',
    );
    expect(throughWindows(code, 'y')).toBe(
      'y_put(y_at() + x[u32(x[i])], f(y_get(i), x[2]) + xx[i]); if (x[0] == 1) { let z = x[3].w; }',
    );
  });

  it('are told apart by comparisons, the last first', () => {
    const text = windowFunctions('x', 'f32', { count: 3, elements: 8, writable: false });
    expect(text).toContain('if (i >= 16u) { return x_2[i - 16u]; }\n  if (i >= 8u) { return x_1[i - 8u]; }');
    expect(text).not.toContain('x_put');
  });
});
