import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Moments, type Keep } from './moments.ts';

const random = (seed: number, n: number, d: number, offset = 0): Float64Array =>
  Float64Array.from(streamNormal(seed, 0, new Float32Array(n * d)), (value) => value + offset);

/** Two passes, straight from the definition. */
function reference(data: Float64Array, d: number): { mean: Float64Array; covariance: Float64Array } {
  const n = data.length / d;
  const mean = new Float64Array(d);
  data.forEach((value, i) => (mean[i % d]! += value / n));
  const covariance = new Float64Array(d * d);
  for (let s = 0; s < n; s++) {
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < d; j++) {
        covariance[i * d + j]! += ((data[s * d + i]! - mean[i]!) * (data[s * d + j]! - mean[j]!)) / (n - 1);
      }
    }
  }
  return { mean, covariance };
}

function expectClose(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 1e-11): void {
  expect(found.length).toBe(wanted.length);
  const worst = Array.from(wanted, (value, i) => Math.abs(value - found[i]!)).reduce(
    (a, b) => Math.max(a, b),
    0,
  );
  expect(worst).toBeLessThan(tolerance);
}

describe.each<Keep>(['scatter', 'factor'])('Moments keeping the %s', (keep) => {
  it('equal the definition, however the samples arrive and are merged', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 4 }),
        fc.nat(1000),
        (d, parts, seed) => {
          const total = Math.max(
            parts.reduce((a, b) => a + b, 0),
            2,
          );
          const data = random(seed, total, d, 3);
          const whole = new Moments(d, keep);
          let from = 0;
          for (const n of [...parts, total]) {
            const to = Math.min(from + n, total);
            const part = new Moments(d, keep);
            const middle = Math.floor((from + to) / 2);
            part.add(data.subarray(from * d, middle * d)).add(data.subarray(middle * d, to * d));
            whole.merge(part);
            from = to;
          }
          const wanted = reference(data, d);
          expect(whole.count).toBe(total);
          expectClose(whole.mean(), wanted.mean);
          expectClose(whole.covariance(), wanted.covariance);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('give a factor of the scatter, before and after the samples fill a batch', () => {
    const d = 7;
    for (const n of [2, 5, 7, 8, 255, 256, 700]) {
      const moments = new Moments(d, keep).add(random(n, n, d));
      const { data, rows, columns, stride, offset } = moments.factor();
      const product = new Float64Array(d * d);
      for (let p = 0; p < rows; p++) {
        for (let i = 0; i < columns; i++) {
          for (let j = 0; j < columns; j++) {
            product[i * d + j]! +=
              (data[offset + p * stride + i]! * data[offset + p * stride + j]!) / (n - 1);
          }
        }
      }
      expectClose(product, moments.covariance());
      expect(rows).toBeLessThanOrEqual(Math.max(n, d));
    }
  });

  it('keep their digits beside a large mean', () => {
    const data = random(5, 600, 3, 1e8);
    const { covariance } = reference(
      data.map((value) => value - 1e8),
      3,
    );
    expectClose(new Moments(3, keep).add(data).covariance(), covariance, 1e-7);
  });

  it('can be merged with themselves', () => {
    const data = random(6, 400, 2);
    const moments = new Moments(2, keep).add(data);
    const doubled = new Float64Array([...data, ...data]);
    expectClose(moments.merge(moments).covariance(), reference(doubled, 2).covariance);
  });

  it('say what is missing or wrong', () => {
    const moments = new Moments(2, keep);
    expect(() => moments.mean()).toThrow(/no samples/);
    expect(() => moments.add(Float64Array.of(1, 2)).covariance()).toThrow(/at least 2 samples .* got 1/);
    expect(() => moments.add(Float64Array.of(1, 2, 3))).toThrow(/whole rows of 2 features, got 3/);
    expect(() => moments.add(Float32Array.of(1, 2, 3, Infinity))).toThrow(
      /got Infinity at sample 1, feature 1/,
    );
    expect(moments.count).toBe(1);
    expect(() => moments.merge(new Moments(3, keep))).toThrow(/got 3 and/);
    expect(() => new Moments(0, keep)).toThrow(/from 1, got 0/);
  });
});

describe('Moments.fromCovariance', () => {
  it('takes pytorch-fid’s mu and sigma', () => {
    const moments = new Moments(4).add(random(9, 50, 4));
    const again = Moments.fromCovariance(moments.mean(), moments.covariance(), 50);
    expectClose(again.covariance(), moments.covariance());
    const more = random(10, 30, 4);
    expectClose(again.add(more).covariance(), moments.add(more).covariance());
  });

  it('refuses wrong sizes, NaN and asymmetry', () => {
    const mean = new Float64Array(2);
    const from = (...covariance: number[]): Moments =>
      Moments.fromCovariance(mean, Float64Array.from(covariance));
    expect(() => from(1, 0, 0)).toThrow(/2 × 2 values .* got 3 values/);
    expect(() => from(1, 0, NaN, 1)).toThrow(/covariance: wanted finite/);
    expect(() => from(1, 0.5, 0.4, 1)).toThrow(
      /symmetric covariance, got 0.4 at \(1, 0\) and 0.5 at \(0, 1\)/,
    );
  });
});
