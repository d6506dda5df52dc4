import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EpochOrder } from './epoch-order.ts';

it('is a permutation, however it is read', () => {
  const ends = fc.array(fc.nat(30), { maxLength: 8 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.nat(), ends, (length, seed, reads) => {
      const whole = new EpochOrder(seed, 3, length).slice(0, length);
      expect([...whole].sort((a, b) => a - b)).toEqual(Array.from({ length }, (_, i) => i));
      const order = new EpochOrder(seed, 3, length);
      for (const read of reads) {
        const end = Math.min(read, length);
        expect(order.slice(end >> 1, end)).toEqual(whole.subarray(end >> 1, end));
      }
    }),
  );
});

it('puts every element everywhere equally often', () => {
  const n = 5;
  const runs = 20_000;
  const count = new Uint32Array(n * n);
  for (let stream = 0; stream < runs; stream++) {
    new EpochOrder(1, stream, n).slice(0, n).forEach((value, place) => (count[value * n + place]! += 1));
  }
  // Pearson's statistic of a doubly balanced 5×5 table has (n - 1)^2 = 16 degrees of freedom: 99.99 % lie below 46.
  const expected = runs / n;
  const chi2 = count.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
  expect(chi2 * ((n - 1) / n)).toBeLessThan(46);
});
