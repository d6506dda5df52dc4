import { describe, expect, it } from 'vitest';
import { denormalise, normalise } from './index.ts';

const all = Uint8Array.from({ length: 256 }, (_, i) => i);

describe('normalise', () => {
  it('is x/127.5 - 1 in float32', () => {
    const values = normalise(all);
    expect([values[0], values[255]]).toEqual([-1, 1]);
    values.forEach((value, byte) => expect(value).toBe(Math.fround(byte / 127.5 - 1)));
  });

  it('comes back from every byte', () => {
    expect(denormalise(normalise(all))).toEqual(all);
  });

  it('writes where it is told, and only into arrays that fit', () => {
    const out = new Float32Array(256);
    expect(normalise(all, out)).toBe(out);
    expect(() => normalise(all, new Float32Array(3))).toThrow(/an output of 256 elements, got 3/);
  });
});

describe('denormalise', () => {
  it('clips, and rounds halves up', () => {
    expect([...denormalise(Float32Array.of(-7, 7, Infinity, -Infinity, 0))]).toEqual([0, 255, 255, 0, 128]);
  });

  it('does not make a pixel of NaN', () => {
    expect(() => denormalise(Float32Array.of(0, NaN))).toThrow(/got NaN at element 1/);
  });
});
