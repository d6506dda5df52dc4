import { describe, expect, it } from 'vitest';
import reference from '../golden/reference.json' with { type: 'json' };
import { points } from '../test/matrices.ts';
import { assignNoise, assignNoiseSync, pairwiseCost, toFloat16Bits } from './index.ts';
import { quantiseCost, quantiseSide } from './quantise.ts';

/** The samples of golden/generate.py's float16 recordings: 8 × 192. */
const x0 = Float32Array.from(points(21, 8, 192), (p) => p * 2 - 1);
const noise = Float32Array.from(points(22, 8, 192), (p) => (p - 0.5) * 3.4641016151377544);
const shape = { rows: 8, columns: 8, dimensions: 192 };

describe('float16 costs', () => {
  it("are within one float16 step of the authors' distances, and most are equal", () => {
    const scaled = pairwiseCost(quantiseSide('x0', x0, 0.1), quantiseSide('noise', noise, 0.1), 'l2', shape);
    const { cost } = quantiseCost(scaled, 'l2', 0.1);
    const recorded = reference.float16.linearDistances;
    let equal = 0;
    cost.forEach((value, e) => {
      const ours = toFloat16Bits(value / 10);
      const theirs = toFloat16Bits(recorded[e]!);
      expect(Math.abs(ours - theirs)).toBeLessThanOrEqual(1);
      if (ours === theirs) equal++;
    });
    expect(equal).toBeGreaterThanOrEqual(54); // of 64
  });

  it('have their scale taken off exactly, by the degree of the metric', () => {
    const scaled = Float32Array.of(1.5, 1.5004, 2.25, 0);
    expect(quantiseCost(scaled, 'l2', 0.1).cost).toEqual(Float32Array.of(15, 15, 22.5, 0));
    expect(quantiseCost(scaled, 'l1', 0.5).cost).toEqual(Float32Array.of(3, 3, 4.5, 0));
    expect(quantiseCost(scaled, 'sqeuclidean', 0.1).cost).toEqual(Float32Array.of(150, 150, 225, 0));
    expect(quantiseCost(scaled, 'dot', 0.25).cost).toEqual(Float32Array.of(24, 24, 36, 0));
    expect(scaled[1]).toBe(Math.fround(1.5004)); // the caller's array stays
  });

  it('report values, range, step and overflow', () => {
    const { cost, report } = quantiseCost(Float32Array.of(1.5, 1.5004, 2.25, 70000, 1.501), 'l2', 0.1);
    expect(report).toEqual({
      scale: 0.1,
      entries: 5,
      distinct: 3, // 1.5 (twice), 1.5009765625, 2.25
      tied: 2,
      overflow: 1,
      smallest: 15,
      largest: 22.5,
      step: 10 * 2 ** -9, // between 2 and 4
    });
    expect(cost[3]).toBe(Infinity);
  });

  it('count negative zero and zero as one', () => {
    expect(quantiseCost(Float32Array.of(0, -0, 1e-30, -1e-30), 'dot', 1).report.distinct).toBe(1);
  });

  it('name a number that float16 cannot hold', () => {
    expect(() => quantiseSide('x0', Float32Array.of(1, 65520), 0.1)).toThrow(
      /float16 ends at 65504, but x0 has 65520 at element 1; scale the data down or use precision 'f32'/,
    );
  });

  it('report what they gave away against float32, when asked', async () => {
    const [batch, dimensions] = [192, 1500];
    const levels = points(25, batch, 1);
    const images = Float32Array.from(
      points(23, batch, dimensions),
      (p, e) => (p - 0.5) * 0.6 + levels[Math.floor(e / dimensions)]! - 0.5,
    );
    const drawn = Float32Array.from(points(24, batch, dimensions), (p) => (p - 0.5) * 3.4641016151377544);
    const options = { batch, precision: 'f16' } as const;
    const half = assignNoiseSync(images, drawn, { ...options, compareExact: true });
    const exact = assignNoiseSync(images, drawn, { batch });
    const { lost, ...report } = half.stats.quantisation!;
    expect(half.pairing).toEqual(assignNoiseSync(images, drawn, options).pairing);
    expect(report).toEqual(assignNoiseSync(images, drawn, options).stats.quantisation);
    expect(lost!.pairs).toBe(half.pairing.filter((j, i) => j !== exact.pairing[i]).length);
    expect(lost!.pairs).toBeGreaterThan(0);
    expect(lost!.gain).toBeCloseTo(1 - half.stats.reduction / exact.stats.reduction, 4);
    expect(lost!.gain).toBeGreaterThan(0);
    expect(lost!.gain).toBeLessThan(0.01);

    const seen: Float32Array[] = [];
    const hooked = await assignNoise(images, drawn, {
      ...options,
      compareExact: true,
      computeCost: (a, b, metric, size) => {
        seen.push(a);
        return pairwiseCost(a, b, metric, size);
      },
    });
    expect(hooked.stats.quantisation!.lost).toEqual(lost);
    expect(seen[1]).toBe(images); // first the rounded sides, then those they stand for
    expect(seen[0]).not.toBe(images);
  });

  it.each([{}, { precision: 'f16', method: 'nearest' }, { precision: 'f16', method: 'identity' }] as const)(
    'have nothing to be compared with for %j',
    (options) => {
      expect(() => assignNoiseSync(x0, noise, { batch: 8, compareExact: true, ...options })).toThrow(
        /compareExact .* wants precision 'f16' and method 'linear' or 'flipped', got/,
      );
    },
  );
});
