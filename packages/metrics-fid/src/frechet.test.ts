import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { features, recordings } from '../test/golden.ts';
import {
  anchors,
  cifarPooled,
  cifarTrain,
  haveAnchors,
  haveCifar,
  haveMnist,
  mnistPixels,
} from '../test/real-data.ts';
import { type FeatureMatrix } from './feature-matrix.ts';
import { frechetFromFeatures, frechetFromMoments } from './frechet.ts';
import { Moments } from './moments.ts';

const random = (seed: number, n: number, dimension: number): FeatureMatrix => ({
  data: streamNormal(seed, 0, new Float32Array(n * dimension)),
  dimension,
});

const scatter = ({ data, dimension }: FeatureMatrix): Moments => new Moments(dimension).add(data);
const fromScatter = (a: FeatureMatrix, b: FeatureMatrix): number =>
  frechetFromMoments(scatter(a), scatter(b));

function expectRelative(found: number, wanted: number, tolerance: number): void {
  expect(Math.abs(found - wanted) / Math.abs(wanted)).toBeLessThan(tolerance);
}

describe.each([
  ['features', frechetFromFeatures],
  ['scatter', fromScatter],
] as const)('Fréchet distance from %s', (_, frechet) => {
  it.each(recordings)('equals 60 digits of mpmath: $name', ({ a, b, frechet: wanted }) => {
    expectRelative(frechet(a, b), wanted, 1e-12);
    expectRelative(frechet(b, a), wanted, 1e-12);
  });

  it('is symmetric, at least 0, and 0 for equal sets', () => {
    const sizes = fc.integer({ min: 2, max: 40 });
    fc.assert(
      fc.property(sizes, sizes, fc.integer({ min: 1, max: 20 }), fc.nat(1000), (n, m, d, seed) => {
        const [a, b] = [random(seed, n, d), random(seed + 1, m, d)];
        const distance = frechet(a, b);
        expect(distance).toBeGreaterThanOrEqual(0);
        expectRelative(frechet(b, a) + 1, distance + 1, 1e-12);
        expect(frechet(a, a)).toBeLessThan(1e-11);
      }),
      { numRuns: 30 },
    );
  });

  it('does not change under rotation, and grows by the squared shift and by the squared scale', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.integer({ min: 2, max: 12 }),
        fc.nat(1000),
        (n, d, seed) => {
          const [a, b] = [random(seed, n, d), random(seed + 1, n + 3, d)];
          const distance = frechet(a, b);
          const axis = streamNormal(seed, 7, new Float32Array(d));
          expectRelative(frechet(reflected(a, axis), reflected(b, axis)), distance, 1e-10);
          expectRelative(
            frechet(
              mapped(a, (v) => 3 * v),
              mapped(b, (v) => 3 * v),
            ),
            9 * distance,
            1e-10,
          );
          expectRelative(
            frechet(
              a,
              mapped(a, (v) => v + 2),
            ),
            4 * d,
            1e-10,
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is the sum of squared differences of deviations where the covariances commute', () => {
    // Samples at ±s_j on each axis: Σ = diag(2·s_j²/(n − 1)), so d² = Σ_j (σ_j − σ'_j)².
    const cross = (scales: readonly number[]): FeatureMatrix => {
      const d = scales.length;
      const rows = scales.flatMap((s, j) =>
        [s, -s].map((x) => scales.map((_unused, k) => (k === j ? x : 0))),
      );
      return features(rows.flat(), d);
    };
    const [p, q] = [
      [1, 2, 0, 5],
      [3, 2, 4, 0],
    ];
    const wanted = p.reduce((sum, s, j) => sum + (2 * (s - q[j]!) ** 2) / 7, 0);
    expectRelative(frechet(cross(p), cross(q)), wanted, 1e-13);
  });
});

/** Every sample reflected at the hyperplane of `axis`. */
function reflected({ data, dimension: d }: FeatureMatrix, axis: Float32Array): FeatureMatrix {
  const scale = 2 / axis.reduce((sum, value) => sum + value * value, 0);
  const out = Float64Array.from(data);
  for (let at = 0; at < out.length; at += d) {
    const dot = axis.reduce((sum, value, j) => sum + value * out[at + j]!, 0);
    axis.forEach((value, j) => (out[at + j]! -= scale * dot * value));
  }
  return { data: out, dimension: d };
}

function mapped({ data, dimension }: FeatureMatrix, f: (value: number) => number): FeatureMatrix {
  return { data: Float64Array.from(data, f), dimension };
}

describe('Fréchet distance', () => {
  it('is exactly d between N(0, I) and N(1, I)', () => {
    for (const d of [1, 64, 192]) {
      const identity = new Float64Array(d * d);
      for (let i = 0; i < d; i++) identity[i * d + i] = 1;
      const at = (mean: number): Moments => Moments.fromCovariance(new Float64Array(d).fill(mean), identity);
      expectRelative(frechetFromMoments(at(0), at(1)), d, 1e-13);
    }
  });

  it('refuses what cannot be compared', () => {
    const a = random(1, 10, 4);
    expect(() => frechetFromFeatures(a, random(2, 10, 5))).toThrow(/one dimension, got 4 and 5/);
    expect(() => frechetFromFeatures(a, random(2, 1, 4))).toThrow(
      /at least 2 samples in each set, got 10 and 1/,
    );
    expect(() => frechetFromMoments(new Moments(2), new Moments(3))).toThrow(/got 2 and 3/);
    const broken = { data: a.data.with(9, NaN), dimension: 4 };
    expect(() => frechetFromFeatures(a, broken)).toThrow(/second features: .* NaN at sample 2, feature 1/);
  });

  it.skipIf(!haveAnchors)(
    'agrees with the anchors on random fixtures (skipped: ../shared/data is not here)',
    () => {
      const wanted = anchors().randn_RandomState2023_N_C;
      // The anchors' own eigenvalues are good to 1e-8 where N ≤ d.
      for (const size of ['4x4', '64x16', '16x64']) {
        const { a, b } = recordings.find(({ name }) => name === `randn ${size}`)!;
        expectRelative(frechetFromFeatures(a, b), wanted[size]![1]!, 1e-7);
      }
    },
  );

  it.skipIf(!haveCifar)(
    'agrees with the anchors on pooled CIFAR-10 (skipped: IMMISCIBLE_CIFAR10 or ../shared/data is not here)',
    () => {
      const [train, test] = [cifarPooled(cifarTrain), cifarPooled(['test_batch'])];
      const wanted = anchors();
      expectRelative(fromScatter(train, test), wanted.cifar10_pool8x8x3_192d_train50k_vs_test10k[0]!, 1e-9);
      const half = test.data.length / 2;
      const [first, last] = [test.data.subarray(0, half), test.data.subarray(half)];
      expectRelative(
        frechetFromFeatures({ data: first, dimension: 192 }, { data: last, dimension: 192 }),
        wanted.cifar10_pool192_test_first5000_vs_last5000[0]!,
        1e-9,
      );
    },
  );

  it.skipIf(!haveMnist)(
    'agrees with QR in NumPy on MNIST, rank 712 of 784 (skipped: IMMISCIBLE_SLOW_TESTS=1 or ../shared/data is not here)',
    () => {
      expectRelative(fromScatter(mnistPixels('train'), mnistPixels('t10k')), 21599.783905533142, 1e-11);
    },
    300_000,
  );
});
