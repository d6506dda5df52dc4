import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ItemQueue } from './queue.ts';

it('hands out each item once, by its lowest key, and can be emptied', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 30 }))), (offers) => {
      const queue = new ItemQueue(31);
      for (let round = 0; round < 2; round++) {
        const lowest = new Map<number, number>();
        for (const [key, item] of offers) {
          if (key >= (lowest.get(item) ?? Infinity)) continue; // a key is only ever lowered
          queue.push(key, item);
          lowest.set(item, key);
        }
        const handed = new Map<number, number>();
        let last = -Infinity;
        const half = round === 0 ? lowest.size >> 1 : 0;
        while (handed.size < lowest.size - half) {
          const key = queue.topKey;
          expect(key).toBeGreaterThanOrEqual(last);
          last = key;
          const item = queue.pop();
          expect(handed.has(item)).toBe(false);
          expect(lowest.get(item)).toBe(key);
          handed.set(item, key);
        }
        queue.empty();
        expect(queue.topKey).toBe(Infinity);
      }
    }),
    { numRuns: 200, seed: 5 },
  );
});
