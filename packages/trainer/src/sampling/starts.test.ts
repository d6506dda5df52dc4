import { streamNormal } from '@immiscible/random';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { relativeError } from '../../test/tiny.ts';
import { SampleError } from '../errors.ts';
import { addedNoise, slerp, startingNoise } from './starts.ts';

const SIZE = 48;

function vector(seed: number): Float32Array {
  return streamNormal(seed, 1, new Float32Array(SIZE));
}

function norm(v: Float32Array): number {
  return Math.hypot(...v);
}

function angle(a: Float32Array, b: Float32Array): number {
  const cosine = a.reduce((sum, value, i) => sum + value * b[i]!, 0) / (norm(a) * norm(b));
  return Math.acos(Math.min(1, cosine));
}

describe('slerp', () => {
  it('turns evenly from one vector to the other and keeps their length', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (i, j, at) => {
        fc.pre(i !== j);
        const a = vector(i);
        const raw = vector(j);
        const b = raw.map((value) => (value * norm(a)) / norm(raw));
        const between = slerp(a, b, at, new Float32Array(SIZE));
        expect(norm(between) / norm(a)).toBeCloseTo(1, 5);
        expect(angle(a, between)).toBeCloseTo(at * angle(a, b), 2);
      }),
    );
  });

  it('is a mean where the vectors are parallel', () => {
    const a = vector(1);
    const times = (factor: number): Float32Array => a.map((value) => factor * value);
    const between = slerp(a, times(3), 0.5, new Float32Array(SIZE));
    expect(relativeError(between, times(2))).toBeLessThan(1e-6);
  });
});

describe('startingNoise', () => {
  it('is each sample’s own, whatever is beside it', () => {
    const alone = startingNoise([9], SIZE);
    expect(startingNoise([4, 9, 2], SIZE).slice(SIZE, 2 * SIZE)).toEqual(alone);
    expect(startingNoise([4], SIZE)).not.toEqual(alone);
  });

  it('is the seed’s own at either end of a way', () => {
    const way = startingNoise(
      [0, 0.5, 1].map((at) => ({ from: 4, to: 9, at })),
      SIZE,
    );
    expect(way.slice(0, SIZE)).toEqual(startingNoise([4], SIZE));
    expect(way.slice(2 * SIZE)).toEqual(startingNoise([9], SIZE));
    const [a, b] = [startingNoise([4], SIZE), startingNoise([9], SIZE)];
    expect(way.slice(SIZE, 2 * SIZE)).toEqual(slerp(a, b, 0.5, new Float32Array(SIZE)));
  });

  it('is only between the seeds', () => {
    expect(() => startingNoise([{ from: 4, to: 9, at: 1.5 }], SIZE)).toThrow(SampleError);
    expect(() => startingNoise([{ from: 4, to: 9, at: NaN }], SIZE)).toThrow(
      'wants a point from 0 (seed 4) to 1 (seed 9), got NaN',
    );
  });
});

describe('addedNoise', () => {
  const draw = (seeds: readonly number[], step: number, size = SIZE): Float32Array => {
    const out = new Float32Array(seeds.length * size);
    addedNoise(seeds, size)(step, out);
    return out;
  };

  it('is each sample’s own, and another one at each step', () => {
    expect(draw([4, 9, 2], 3).slice(SIZE, 2 * SIZE)).toEqual(draw([9], 3));
    const drawn = [draw([9], 0), draw([9], 1), draw([8], 0), draw([8], 1), startingNoise([9], SIZE)];
    expect(new Set(drawn.flatMap((values) => [...values])).size).toBe(5 * SIZE);
  });

  it('does not repeat itself from step to step where a sample is no whole number of blocks', () => {
    const drawn = [0, 1, 2, 3].flatMap((step) => [...draw([9], step, 2)]);
    expect(new Set(drawn).size).toBe(8);
  });
});
