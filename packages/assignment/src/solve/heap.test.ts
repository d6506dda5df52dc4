import fc from 'fast-check';
import { expect, it } from 'vitest';
import { KeyHeap } from './heap.ts';

it('gives values back by key, from any capacity, between pushes', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: -50, max: 50 })), { maxLength: 200 }), (steps) => {
      const heap = new KeyHeap(1);
      const model: number[] = [];
      for (const step of steps) {
        if (step === null) {
          if (model.length === 0) continue;
          model.sort((a, b) => a - b);
          expect(heap.top).toBe(model[0]);
          expect(heap.pop()).toBe(model.shift()! * 3); // the value rides with its key
        } else {
          heap.push(step, step * 3);
          model.push(step);
        }
      }
      heap.clear();
      expect(heap.top).toBe(Infinity);
    }),
  );
});
