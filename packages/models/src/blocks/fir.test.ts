import {
  type Device,
  openDevice,
  tensor,
  type Tensor,
  valueAndGrad,
  webgpuAdapters,
} from '@immiscible/tensor-core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { double, halve } from './fir.ts';

/** The definition, one channel: out[i] = Σ f[s] f[t] x[2i − padding + s, …], zeros outside. */
function halveByLoops(
  x: Float32Array,
  [h, w]: [number, number],
  filter: number[],
  padding: number,
): number[] {
  const sum = filter.reduce((a, b) => a + b, 0);
  const extent = (n: number): number => Math.floor((n + 2 * padding - filter.length) / 2) + 1;
  const at = (i: number, j: number): number => (i < 0 || j < 0 || i >= h || j >= w ? 0 : x[i * w + j]!);
  const out: number[] = [];
  for (let i = 0; i < extent(h); i++) {
    for (let j = 0; j < extent(w); j++) {
      let value = 0;
      filter.forEach((a, s) =>
        filter.forEach(
          (b, t) => (value += (a * b * at(2 * i - padding + s, 2 * j - padding + t)) / sum ** 2),
        ),
      );
      out.push(value);
    }
  }
  return out;
}

function waves(n: number, seed: number): Float32Array {
  return Float32Array.from({ length: n }, (_, i) => Math.sin((i + 1) * (seed + 1.7)));
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Array.from(a).reduce((total, value, i) => total + value * b[i]!, 0);
}

const software = (await webgpuAdapters()).some((adapter) => adapter.software);
const devices: [string, string][] = [
  ['cpu', ''],
  [
    'webgpu:software',
    software ? '' : ' (skipped: no software WebGPU adapter; node scripts/lavapipe.mjs unpacks one)',
  ],
];

describe.each(devices)('FIR resampling on %s%s', (name, reason) => {
  let device: Device;
  beforeAll(async () => {
    if (reason === '') device = await openDevice(name);
  });
  afterAll(() => device?.dispose());

  it.skipIf(reason !== '').each<[string, number[], [number, number]]>([
    ['the filter of NCSN++', [1, 3, 3, 1], [8, 8]],
    ['a lopsided filter of six taps, on an oblong', [1, 2, 5, 3, 1, 1], [6, 10]],
    ['a box', [1, 1], [4, 6]],
  ])('%s: values, gradients and the way back', async (_, filter, [h, w]) => {
    const values = waves(2 * 3 * h * w, 1);
    const x = tensor(values, [2, 3, h, w]);
    const cotangent = tensor(waves((2 * 3 * h * w) / 4, 2), [2, 3, h / 2, w / 2]);
    const compiled = device.compile((given: { x: Tensor; cotangent: Tensor }) => {
      const { value, gradients } = valueAndGrad((v: Tensor) => {
        const output = halve(v, filter);
        return { loss: output.mul(given.cotangent).sum(), output };
      })(given.x);
      return { output: value.output, gradients, doubled: double(given.cotangent, filter) };
    });
    const result = await compiled({ x, cotangent });
    const output = await result.output.data();
    for (let plane = 0; plane < 6; plane++) {
      const wanted = halveByLoops(
        values.slice(plane * h * w, (plane + 1) * h * w),
        [h, w],
        filter,
        filter.length / 2 - 1,
      );
      wanted.forEach((value, i) => expect(output[plane * wanted.length + i]).toBeCloseTo(value, 5));
    }
    // halve is linear, so its gradient is its adjoint, and double is four times that.
    const [gradient, doubled] = [await result.gradients.data(), await result.doubled.data()];
    expect(result.doubled.shape).toEqual([2, 3, h, w]);
    doubled.forEach((value, i) => expect(value).toBeCloseTo(4 * gradient[i]!, 5));
    expect(dot(gradient, values)).toBeCloseTo(dot(output, await cotangent.data()), 4);
    await compiled.dispose();
  });
});

describe('FIR resampling', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu', { threads: 1 });
  });
  afterAll(() => device.dispose());

  const anyFilter = fc
    .tuple(
      fc.integer({ min: 1, max: 3 }),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 6, maxLength: 6 }),
    )
    .map(([half, taps]) => taps.slice(0, 2 * half));

  it('is what its definition says, whatever the filter, the size and the padding', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyFilter.filter((taps) => taps.length > 2),
        fc.integer({ min: 3, max: 6 }),
        fc.integer({ min: 3, max: 6 }),
        fc.integer({ min: 0, max: 2 }),
        async (filter, h, w, padding) => {
          const values = waves(4 * h * w, 3);
          const output = await halve(tensor(values, [1, 1, 2 * h, 2 * w]), filter, padding).data();
          const wanted = halveByLoops(values, [2 * h, 2 * w], filter, padding);
          expect(output).toHaveLength(wanted.length);
          wanted.forEach((value, i) => expect(output[i]).toBeCloseTo(value, 5));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('keeps an even image even, away from its edges', async () => {
    const flat = tensor(new Float32Array(144).fill(1), [1, 1, 12, 12]);
    await fc.assert(
      fc.asyncProperty(anyFilter, async (filter) => {
        expect((await halve(flat, filter).data())[2 * 6 + 2]).toBeCloseTo(1, 5);
        // One pixel of four may be brighter than another, but not the four together.
        const doubled = await double(flat, filter).data();
        const four = [0, 1, 24, 25].map((k) => doubled[10 * 24 + 10 + k]!);
        expect(four.reduce((total, value) => total + value, 0) / 4).toBeCloseTo(1, 5);
      }),
      { numRuns: 20 },
    );
  });

  it('keeps the dtype', () => {
    const half = tensor(waves(64, 1), [1, 1, 8, 8]).cast('float16');
    expect(halve(half, [1, 3, 3, 1]).dtype).toBe('float16');
    expect(double(half, [1, 3, 3, 1]).dtype).toBe('float16');
  });
});
