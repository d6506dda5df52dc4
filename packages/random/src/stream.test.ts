import { describe, expect, it } from 'vitest';
import { philox4x32, permutation, RandomStream, streamNormal, streamUniform } from './index.ts';

const hex = (words: Uint32Array): string[] => [...words].map((w) => w.toString(16).padStart(8, '0'));

describe('philox4x32', () => {
  // Known answers published with Random123 (kat_vectors, philox4x32 10).
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8'],
    ],
    [
      [-1, -1, -1, -1],
      [-1, -1],
      ['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd'],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      ['d16cfe09', '94fdcceb', '5001e420', '24126ea1'],
    ],
  ])('gives the published words for counter %j and key %j', (c, k, expected) => {
    const out = new Uint32Array(4);
    philox4x32(c[0]!, c[1]!, c[2]!, c[3]!, k[0]!, k[1]!, out, 0);
    expect(hex(out)).toEqual(expected);
  });
});

describe('streams', () => {
  it('does not depend on how much is drawn at once', () => {
    const whole = streamNormal(7, 3, new Float32Array(1000));
    const tail = streamNormal(7, 3, new Float32Array(400), 600);
    expect(tail).toEqual(whole.slice(600));
    expect(streamNormal(7, 3, new Float32Array(5))).toEqual(whole.slice(0, 5));
  });

  it('differs by seed and by stream, also beyond 32 bits', () => {
    const draw = (seed: number, stream: number): string =>
      streamUniform(seed, stream, new Float32Array(8)).join();
    const all = [draw(1, 0), draw(2, 0), draw(1, 1), draw(1, 2 ** 32), draw(2 ** 32 + 1, 0)];
    expect(new Set(all).size).toBe(all.length);
  });

  it('has the moments of a standard normal', () => {
    const n = 200_000;
    const z = streamNormal(11, 0, new Float32Array(n));
    const moment = (p: number): number => z.reduce((sum, v) => sum + v ** p, 0) / n;
    expect(Math.abs(moment(1))).toBeLessThan(4 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(4 * Math.sqrt(2 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(4 * Math.sqrt(96 / n));
  });

  it('resumes a cursor where it stood', () => {
    const a = new RandomStream(5, 9);
    for (let i = 0; i < 10; i++) a.uint32();
    const b = new RandomStream(5, 9, a.position);
    expect([b.uint32(), b.below(10), b.uniform()]).toEqual([a.uint32(), a.below(10), a.uniform()]);
  });

  it('draws permutations', () => {
    const p = permutation(1, 2, 1000);
    expect([...p].sort((x, y) => x - y)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(p.filter((v, i) => v === i).length).toBeLessThan(10);
  });

  it('names what it wanted when a seed is not usable', () => {
    expect(() => streamUniform(-1, 0, new Float32Array(4))).toThrow(
      /seed must be an integer from 0 to 2\^53 - 1, got -1/,
    );
    expect(() => new RandomStream(0, 0).below(0)).toThrow(/got 0/);
  });
});
