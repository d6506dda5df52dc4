/**
 * The two layouts of the CPU target agree: the same program, forward and backward, with the blocked kernels and
 * without, over random shapes. The recorded op cases are too small to reach every path (16 samples, bands of rows).
 */
import fc from 'fast-check';
import { streamUniform } from '@immiscible/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Device } from '../src/device.ts';
import * as tc from '../src/index.ts';
import { OnnxTarget } from '../src/targets/onnx/target.ts';
import { relativeError } from './golden.ts';

let blocked: Device;
let plain: Device;

beforeAll(async () => {
  plain = new Device(await OnnxTarget.open({ threads: 2, block: 0 }));
  blocked = new Device(await OnnxTarget.open({ threads: 2 }));
});
afterAll(() => Promise.all([plain.dispose(), blocked.dispose()]));

let stream = 0;
function uniform(...shape: number[]): tc.Tensor {
  const data = streamUniform(5, stream++, new Float32Array(shape.reduce((a, b) => a * b, 1)));
  return tc.tensor(
    data.map((u) => 2 * u - 1),
    shape,
  );
}

/** Largest relative error, between the layouts, of f's value and of its gradients. */
async function disagreement(x: tc.Tensor[], f: (x: tc.Tensor[]) => tc.Tensor): Promise<number> {
  const program = ({ x }: { x: tc.Tensor[] }): { value: tc.Tensor; gradients: tc.Tensor[] } => {
    const loss = (y: tc.Tensor[]): { loss: tc.Tensor; value: tc.Tensor } => {
      const value = f(y);
      return { loss: value.mul(value.mul(0.3).sin()).mean(), value };
    };
    const { value, gradients } = tc.valueAndGrad(loss)(x);
    return { value: value.value, gradients };
  };
  const run = async (device: Device): Promise<tc.HostArray[]> => {
    const compiled = device.compile(program);
    const { value, gradients } = await compiled({ x });
    await compiled.dispose();
    return Promise.all([value, ...gradients].map((t) => t.data()));
  };
  const [a, b] = await Promise.all([run(blocked), run(plain)]);
  return Math.max(...a.map((values, i) => relativeError(values, b[i]!)));
}

describe('blocked and plain layout agree', () => {
  it('on convolutions of any size, stride and padding', async () => {
    const convolution = fc.record({
      n: fc.constantFrom(1, 5, 16, 32),
      c: fc.constantFrom(1, 3, 16, 20, 32),
      o: fc.constantFrom(1, 3, 16, 32, 48),
      h: fc.integer({ min: 4, max: 19 }),
      w: fc.integer({ min: 4, max: 19 }),
      k: fc.constantFrom(1, 3),
      stride: fc.constantFrom(1, 2),
      padding: fc.constantFrom<number | number[]>(0, 1, [0, 0, 1, 1], [1, 0, 2, 1]),
      bias: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(convolution, async ({ n, c, o, h, w, k, bias, ...options }) => {
        const inputs = [uniform(n, c, h, w), uniform(o, c, k, k), ...(bias ? [uniform(o)] : [])];
        const error = await disagreement(inputs, ([x, weight, b]) =>
          tc.conv2d(x!, weight!, { ...options, ...(b ? { bias: b } : {}) }),
        );
        expect(error).toBeLessThan(1e-5);
      }),
      { numRuns: 60, seed: 1 },
    );
  });

  it('on images large enough to be taken in bands', async () => {
    for (const [h, w, stride] of [
      [32, 32, 1],
      [34, 30, 2],
      [31, 33, 1],
    ] as const) {
      const inputs = [uniform(16, 16, h, w), uniform(32, 16, 3, 3)];
      const error = await disagreement(inputs, ([x, weight]) =>
        tc.conv2d(x!, weight!, { stride, padding: 1 }),
      );
      expect(error).toBeLessThan(1e-5);
    }
  });

  it('on everything between two convolutions of a U-Net', async () => {
    const [n, c] = [16, 32];
    const inputs = [
      uniform(n, c, 8, 8),
      uniform(c, c, 3, 3),
      uniform(c),
      uniform(c),
      uniform(n, c),
      uniform(c, 2 * c, 1, 1),
    ];
    const error = await disagreement(inputs, ([x, w, scale, shift, time, w2]) => {
      const start = tc.conv2d(x!, w!, { padding: 1 });
      const timed = start
        .add(time!.reshape([n, c, 1, 1]))
        .mul(time!.slice([0, 0], [1, c]).reshape([1, c, 1, 1]));
      const normed = tc.groupNorm(timed, scale!, shift!, { groups: 8, eps: 1e-5 }).silu();
      const up = tc.upsampleNearest2d(tc.avgPool2d(normed, { kernel: 2 }), 2);
      const joined = tc.conv2d(tc.concat([up, start], 1), w2!);
      const half = joined.slice([0, 16, 0, 0], [n, 32, 8, 8]);
      return half.sub(half.mean([2, 3], true)).mul(half.sum([0, 2, 3], true).mul(1e-3));
    });
    expect(error).toBeLessThan(1e-5);
  });

  it('on float16, which the runtime keeps in blocks but cannot reorder', async () => {
    const [n, c] = [16, 16];
    const inputs = [uniform(n, c, 6, 6), uniform(c, c, 3, 3), uniform(n, c, 6, 6)];
    const error = await disagreement(inputs, (x) => {
      const [image, weight, other] = x.map((value) => value.cast('float16'));
      const conv = tc.conv2d(image!, weight!, { padding: 1 });
      const joined = tc.concat(
        [tc.avgPool2d(conv.add(other!), { kernel: 2 }).reshape([n, 9 * c]), other!.reshape([n, 36 * c])],
        1,
      );
      return joined.cast('float32');
    });
    expect(error).toBeLessThan(2 ** -8); // sums in another order may round to the next float16, here and there
  });
});
