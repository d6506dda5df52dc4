/** GroupNorm's statistics and gradient sums on a GPU, against float64 on the host, by both families of kernels. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DType } from '../src/dtype.ts';
import { whole } from '../src/targets/webgpu/kernel.ts';
import { emitNormStatistics } from '../src/targets/webgpu/kernels/norm.ts';
import { emitNormGradientSums } from '../src/targets/webgpu/kernels/norm-gradient.ts';
import { CollectingEmitter, runKernels, testValue } from './kernel-harness.ts';
import {
  capabilitiesFor,
  extent,
  families,
  input,
  numbers,
  portableCapabilities,
  randomData,
  softwareGpu,
  why,
  worstError,
} from './kernel-operands.ts';

const EPS = 1e-5;

/** [rows, 2]: mean and inverse deviation. */
function statisticsOf(x: Float64Array, length: number): Float64Array {
  const out = new Float64Array((x.length / length) * 2);
  for (let row = 0; row < x.length / length; row++) {
    const of = x.subarray(row * length, (row + 1) * length);
    const mean = of.reduce((a, b) => a + b, 0) / length;
    const variance = of.reduce((a, b) => a + (b - mean) ** 2, 0) / length;
    out.set([mean, 1 / Math.sqrt(variance + EPS)], 2 * row);
  }
  return out;
}

interface Shapes {
  n: number;
  groups: number;
  channels: number;
  spatial: number;
}

/** Errors of both kernels' results: of statistics, of sums of channels, of means of groups. */
async function errorsOf(
  { n, groups, channels, spatial }: Shapes,
  family: (typeof families)[number],
  dtype: DType = 'float32',
  centre = 0,
): Promise<{ statistics: number[]; sums: number[]; means: number[] }> {
  const emitter = new CollectingEmitter(capabilitiesFor(family));
  const c = groups * channels;
  const shape = [n, groups, channels * spatial];
  const x = input('x', shape, dtype);
  const g = input('g', shape, dtype);
  const statistics = testValue({ shape: [n * groups, 2], dtype: 'float32' });
  const weight = input('weight', [c], dtype);
  const out = testValue({ shape: [n, c + groups, 2], dtype: 'float32' });
  const alone = testValue({ shape: [n, c, 2], dtype: 'float32' });
  emitNormStatistics(emitter, { input: x.prologue, eps: EPS, out: whole(statistics) });
  const sizes = { n, c, spatial, groups };
  const read = { x: x.prologue, g: g.prologue, statistics: whole(statistics) };
  emitNormGradientSums(emitter, { ...sizes, ...read, weight: weight.prologue, out: whole(out) });
  emitNormGradientSums(emitter, { ...sizes, ...read, out: whole(alone) });
  const data = new Map([
    [x.value, randomData(shape, dtype, 3, centre)],
    [g.value, randomData(shape, dtype, 4)],
    [weight.value, randomData([c], dtype, 5)],
  ]);
  const wantedValues = [statistics, out, alone];
  const { results } = await runKernels(softwareGpu!.device, emitter.kernels, data, wantedValues);
  const [xs, gs] = [numbers(data.get(x.value)!), numbers(data.get(g.value)!)];
  const wanted = statisticsOf(xs, channels * spatial);
  const sums = new Float64Array(n * c * 2);
  gs.forEach((gi, i) => {
    const group = 2 * Math.floor(i / (channels * spatial));
    const row = 2 * Math.floor(i / spatial);
    sums[row] = sums[row]! + gi;
    sums[row + 1] = sums[row + 1]! + gi * (xs[i]! - wanted[group]!) * wanted[group + 1]!;
  });
  const weights = numbers(data.get(weight.value)!);
  const means = new Float64Array(n * groups * 2);
  sums.forEach((sum, i) => {
    const channel = i >> 1;
    const group = Math.floor(channel / channels) * 2 + (i % 2);
    means[group] = means[group]! + (sum * weights[channel % c]!) / (channels * spatial);
  });
  const perSample = 2 * (c + groups);
  const [ofChannels, ofGroups]: [number[], number[]] = [[], []];
  results[1]!.forEach((v, i) => (i % perSample < 2 * c ? ofChannels : ofGroups).push(v));
  expect(Array.from(results[2]!, (v, i) => Math.abs(v - ofChannels[i]!)).every((d) => d < 1e-3)).toBe(true);
  const column = (a: ArrayLike<number>, k: number): number[] => Array.from(a).filter((_, i) => i % 2 === k);
  return {
    statistics: [0, 1].map((k) => worstError(column(results[0]!, k), column(wanted, k))),
    sums: [0, 1].map((k) => worstError(column(ofChannels, k), column(sums, k))),
    means: [0, 1].map((k) => worstError(column(ofGroups, k), column(means, k))),
  };
}

describe.each(families)('GroupNorm, %s kernels', (family) => {
  it.skipIf(!softwareGpu)(`agrees with the host for any shape${why}`, async () => {
    const shapes = fc.record({
      n: extent(16),
      groups: extent(8),
      channels: extent(5),
      spatial: extent(128),
    });
    await fc.assert(
      fc.asyncProperty(shapes, fc.constantFrom<DType>('float32', 'float16'), async (shape, dtype) => {
        const { statistics, sums, means } = await errorsOf(shape, family, dtype);
        // Of a group of one or two elements nearly everything may cancel.
        const loose = shape.channels * shape.spatial < 8 ? 1e-3 : 1e-5;
        for (const error of [...statistics, ...sums, ...means]) expect(error).toBeLessThan(loose);
      }),
      { numRuns: 12, seed: 2 },
    );
  });

  it.skipIf(!softwareGpu)(`takes few groups of many elements${why}`, async () => {
    const shape = { n: 1, groups: 2, channels: 3, spatial: 30_011 };
    const { statistics, sums, means } = await errorsOf(shape, family);
    for (const error of [...statistics, ...sums, ...means]) expect(error).toBeLessThan(1e-5);
  });

  it.skipIf(!softwareGpu)(`keeps the variance's digits far from zero${why}`, async () => {
    const shape = { n: 2, groups: 3, channels: 2, spatial: 1024 };
    const { statistics } = await errorsOf(shape, family, 'float32', 500);
    expect(statistics[0]).toBeLessThan(1e-6);
    expect(statistics[1]).toBeLessThan(1e-5);
  });
});

describe('the text of group statistics', () => {
  const kernels = (software: boolean) => {
    const emitter = new CollectingEmitter(portableCapabilities(software));
    const { prologue } = input('x', [2, 3, 40], 'float32');
    const out = whole(testValue({ shape: [6, 2], dtype: 'float32' }));
    emitNormStatistics(emitter, { input: prologue, eps: EPS, out });
    return emitter.kernels;
  };

  it('is one kernel on GPUs', () => expect(kernels(false).map(({ body }) => body)).toMatchSnapshot());
  it('has no barrier on software adapters', () => {
    for (const { body } of kernels(true)) expect(body).not.toContain('workgroupBarrier');
  });
});
