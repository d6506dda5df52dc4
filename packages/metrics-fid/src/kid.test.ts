import { streamNormal } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { features, recordings } from '../test/golden.ts';
import { anchors, cifarPooled, haveCifar } from '../test/real-data.ts';
import { kernelDistance, polynomialMmd } from './kid.ts';

const random = (seed: number, n: number, dimension: number, shift = 0) => ({
  data: streamNormal(seed, 0, new Float32Array(n * dimension)).map((value) => value + shift),
  dimension,
});

describe('polynomialMmd', () => {
  it.each(recordings)('equals the formula in NumPy: $name', ({ a, b, mmd }) => {
    expect(Math.abs(polynomialMmd(a, b) / mmd - 1)).toBeLessThan(1e-11);
    expect(Math.abs(polynomialMmd(b, a) / mmd - 1)).toBeLessThan(1e-11);
  });

  it('follows the definition on two points each', () => {
    // d = 1: k(x, y) = (xy + 1)³
    const k = (x: number, y: number): number => (x * y + 1) ** 3;
    const wanted = k(1, 2) + k(0, 3) - (2 / 4) * (k(1, 0) + k(1, 3) + k(2, 0) + k(2, 3));
    expect(polynomialMmd(features([1, 2], 1), features([0, 3], 1))).toBeCloseTo(wanted, 12);
  });

  it.skipIf(!haveCifar)(
    'agrees with the anchor on pooled CIFAR-10 (skipped: IMMISCIBLE_CIFAR10 or ../shared/data is not here)',
    () => {
      const [train, test] = ['data_batch_1', 'test_batch'].map((file) => {
        const { data, dimension } = cifarPooled([file]);
        return { data: data.slice(0, 1000 * dimension).map((value) => value / 255), dimension };
      });
      const wanted = anchors()['kid_poly3_cifar_pool192_div255_train[:1000]_vs_test[:1000]_one_block'];
      expect(polynomialMmd(train!, test!) / wanted).toBeCloseTo(1, 8);
    },
  );
});

describe('kernelDistance', () => {
  it('scatters around 0 for equal distributions and tells others apart', () => {
    const real = random(1, 400, 6);
    const same = kernelDistance(real, random(2, 400, 6), { subsets: 30, subsetSize: 100 });
    const other = kernelDistance(real, random(2, 400, 6, 0.5), { subsets: 30, subsetSize: 100 });
    expect(Math.abs(same.mean)).toBeLessThan(2 * same.standardDeviation);
    expect(other.mean).toBeGreaterThan(10 * same.standardDeviation);
  });

  it('is the plain estimate when the subset is everything, and repeats with its seed', () => {
    const [a, b] = [random(1, 50, 3), random(2, 50, 3)];
    const whole = kernelDistance(a, b, { subsets: 2 });
    expect(whole.mean).toBeCloseTo(polynomialMmd(a, b), 12);
    expect(whole.standardDeviation).toBeLessThan(1e-14);
    const draw = (seed: number) => kernelDistance(a, b, { subsets: 3, subsetSize: 20, seed });
    expect(draw(4)).toEqual(draw(4));
    expect(draw(4)).not.toEqual(draw(5));
  });

  it('refuses subsets that do not fit', () => {
    const a = random(1, 10, 2);
    expect(() => kernelDistance(a, random(2, 8, 2), { subsetSize: 9 })).toThrow(/from 2 to 8 .* got 9/);
    expect(() => kernelDistance(a, a, { subsets: 0 })).toThrow(/from 1, got 0/);
  });
});
