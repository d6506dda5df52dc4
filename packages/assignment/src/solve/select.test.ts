import fc from 'fast-check';
import { expect, it } from 'vitest';
import { select } from './select.ts';

it('finds the value that sorting would put at that rank, infinities included', () => {
  const values = fc.array(fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double({ noNaN: true })), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(values, fc.nat(), (list, pick) => {
      const k = pick % list.length;
      const unsigned = list.map((value) => value + 0); // no -0
      const sorted = Float64Array.from(unsigned).sort();
      const padded = Float64Array.from([...unsigned, -1e9]); // beyond `count`: must not be looked at
      expect(select(padded, list.length, k)).toBe(sorted[k]);
    }),
  );
});
