import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TrainerError } from './errors.ts';
import { type Purpose, streamOf } from './streams.ts';

const purposes: Purpose[] = [
  'noise',
  'timestep',
  'dropout',
  'sampling',
  'samplerNoise',
  'parameters',
  'storedNoise',
];
const LAST = 2 ** 47 - 1;

describe('streamOf', () => {
  it('gives every purpose and index a stream of its own, below those of the loader', () => {
    const index = fc.oneof(fc.nat(1000), fc.integer({ min: LAST - 1000, max: LAST }));
    const place = fc.tuple(fc.constantFrom(...purposes), index);
    fc.assert(
      fc.property(place, place, ([purpose, i], [other, j]) => {
        const [a, b] = [streamOf(purpose, i), streamOf(other, j)];
        expect(a === b).toBe(purpose === other && i === j);
        expect(Number.isSafeInteger(a) && a >= 0 && a < 2 ** 51).toBe(true);
      }),
    );
  });

  it.each([-1, 0.5, LAST + 1, NaN])('refuses the index %s, which would be another purpose’s', (index) => {
    expect(() => streamOf('noise', index)).toThrow(TrainerError);
  });
});
