/** LPIPS against the reference implementation, with weights that both draw from the same streams. */
import {
  type Device,
  disposeTree,
  grad,
  openDevice,
  tensor,
  type Tensor,
  webgpuAdapters,
} from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordedTensors, recordedWeights, recording, relativeError } from '../../test/lpips-golden.ts';
import { MetricArgumentError } from '../errors.ts';
import { lpips, LPIPS_SHAPES, type LpipsWeights } from './lpips.ts';
import { openLpips } from './open-lpips.ts';

const adapters = await webgpuAdapters();
const noAdapter = adapters.some(({ software }) => software)
  ? undefined
  : 'no software WebGPU adapter here; node scripts/lavapipe.mjs unpacks one';

/** Thirteen convolutions deep: PyTorch's own float32 is 4e-6 off in gradients. */
const TOLERANCE = 1e-4;

const weights = recordedWeights();
const recorded = await recordedTensors();
const images = (name: string): Float32Array => recorded[name]!.data as Float32Array;

it('has the parameters that the reference has', () => {
  const shapes = recording.parameters.map(({ name, shape }) => [name, shape]);
  expect(Object.entries(LPIPS_SHAPES)).toEqual(shapes);
});

/** A processor that plays a GPU compiles these kernels for ten seconds a case: it gets the smallest. */
describe.each([
  ['cpu', undefined, recording.cases],
  ['webgpu:software', noAdapter, recording.cases.filter(({ name }) => name === 'resized')],
])('on %s', (name, missing, cases) => {
  const skipped = missing !== undefined;
  const because = skipped ? ` (skipped: ${missing})` : '';
  let device: Device;
  let parameters: Record<string, Tensor>;

  beforeAll(async () => {
    if (skipped) return;
    device = await openDevice(name);
    parameters = await device.put({ ...weights });
  });
  afterAll(() => device?.dispose());

  it.skipIf(skipped).each(cases)(
    `gives the reference's distances and gradients: $name${because}`,
    async ({ name: key, shape, resize }) => {
      const [a, b] = ['a', 'b'].map((image) => tensor(images(`${key}/${image}`), shape)) as [Tensor, Tensor];
      // The distance is symmetric: one case says so of both gradients.
      const wanted: Record<string, Tensor> = key === 'square' ? { a, b } : { a };
      const step = device.compile(
        (x: { parameters: Record<string, Tensor>; images: Record<string, Tensor> }) => {
          const distances = (moving: Record<string, Tensor>): Tensor => {
            const { a: first, b: second } = { ...x.images, ...moving } as { a: Tensor; b: Tensor };
            return lpips(x.parameters, first, second, resize ? { resize } : {});
          };
          const factors = Array.from({ length: shape[0] }, (_, i) => i + 1);
          const loss = (moving: Record<string, Tensor>): Tensor =>
            distances(moving).mul(tensor(factors)).sum();
          const at = Object.fromEntries(Object.keys(wanted).map((image) => [image, x.images[image]!]));
          return { distances: distances({}), gradients: grad(loss)(at) };
        },
      );
      const results = await step({ parameters, images: { a, b } });
      const errors: Record<string, number> = {
        distances: relativeError(await results.distances.data(), images(`${key}/distances`)),
      };
      for (const [image, gradient] of Object.entries(results.gradients)) {
        errors[image] = relativeError(await gradient.data(), images(`${key}/gradient-${image}`));
      }
      disposeTree(results);
      await step.dispose();
      for (const [what, error] of Object.entries(errors)) expect(error, what).toBeLessThan(TOLERANCE);
    },
    200_000,
  );
});

describe('as a loss', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu');
  });
  afterAll(() => device.dispose());

  const shape = [1, 3, 16, 16] as const;
  const gradientAt = async (given: LpipsWeights, a: Float32Array, b: Float32Array): Promise<Float32Array> => {
    const loss = (x: Tensor): Tensor => lpips(given, x, tensor(b, shape)).sum();
    return (await grad(loss)(tensor(a, shape)).data()) as Float32Array;
  };
  const some = images('square/a').slice(0, 768);
  const other = images('square/b').slice(0, 768);

  it('is 0 between equal images, and so is its gradient', async () => {
    expect(await lpips(weights, tensor(some, shape), tensor(some, shape)).item()).toBe(0);
    expect(new Set(await gradientAt(weights, some, some))).toEqual(new Set([0]));
  });

  it('has a finite gradient where whole activations are 0', async () => {
    // Biases this low switch most places of the first layers off.
    const dead = Object.fromEntries(
      Object.entries(weights).map(([name, value]) => [
        name,
        name.endsWith('.bias') ? value.sub(name === 'features.0.bias' ? 1.5 : 0.3) : value,
      ]),
    );
    const gradient = await gradientAt(dead, some, other);
    expect(gradient.every(Number.isFinite)).toBe(true);
    expect(gradient.some((value) => value !== 0)).toBe(true);
  });

  it('goes down along its gradient by as much as that says', async () => {
    const gradient = await gradientAt(weights, some, other);
    const length = gradient.reduce((sum, value) => sum + value ** 2, 0);
    const step = 1e-3 / Math.sqrt(length);
    const distanceAt = async (sign: number): Promise<number> => {
      const moved = some.map((value, i) => value + sign * step * gradient[i]!);
      return lpips(weights, tensor(moved, shape), tensor(other, shape)).item();
    };
    const slope = ((await distanceAt(1)) - (await distanceAt(-1))) / (2 * step);
    expect(slope / length).toBeCloseTo(1, 2);
  });

  it('refuses images that do not fit', () => {
    const of = (...extents: number[]): Tensor =>
      tensor(new Float32Array(extents.reduce((p, d) => p * d, 1)), extents);
    expect(() => lpips(weights, of(1, 3, 16, 16), of(1, 3, 16, 17))).toThrow(
      /wanted two batches .* of one shape, got \[1, 3, 16, 16\] and \[1, 3, 16, 17\]/,
    );
    expect(() => lpips(weights, of(1, 4, 16, 16), of(1, 4, 16, 16))).toThrow(MetricArgumentError);
    expect(() => lpips(weights, of(1, 3, 16, 15), of(1, 3, 16, 15))).toThrow(
      /at least 16×16 pixels, got \[1, 3, 16, 15\]; resize them first/,
    );
    expect(() => lpips({}, of(1, 3, 16, 16), of(1, 3, 16, 16))).toThrow(
      /wanted a parameter features\.0\.weight, got 0 others; read the weights with readLpipsWeights/,
    );
  });
});

describe('as a metric', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu');
  });
  afterAll(() => device.dispose());

  it('gives each pair its distance, whatever the batch', async () => {
    const before = device.liveBuffers().count;
    const [a, b] = [images('square/a'), images('square/b')];
    const three = (x: Float32Array): Float32Array => Float32Array.from([...x, ...x.slice(0, 3072)]);
    const metric = await openLpips(device, weights, { batchSize: 2 });
    const found = await metric.distances(three(a), three(b), [3, 3, 32, 32]);
    const [first, second] = images('square/distances') as unknown as [number, number];
    expect(relativeError(found, [first, second, first])).toBeLessThan(TOLERANCE);
    expect(await metric.distances(new Float32Array(0), new Float32Array(0), [0, 3, 32, 32])).toHaveLength(0);
    await metric.dispose();
    expect(device.liveBuffers().count).toBe(before);
  });

  it('refuses numbers that are no pixels, and batches of none', async () => {
    await expect(openLpips(device, weights, { batchSize: 0 })).rejects.toThrow(
      /wanted a batch size that is a whole number from 1, got 0/,
    );
    const metric = await openLpips(device, weights);
    const [fine, bytes] = [new Float32Array(768), new Float32Array(768).fill(200)];
    await expect(metric.distances(fine, bytes, [1, 3, 16, 16])).rejects.toThrow(
      /lpips-vgg-0\.1: wanted values in \[-1, 1\], got 200 in image 0/,
    );
    await expect(metric.distances(fine, fine, [2, 3, 16, 16])).rejects.toThrow(/have 1536 values, got 768/);
    await metric.dispose();
  });
});
