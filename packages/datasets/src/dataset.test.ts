import { describe, expect, it } from 'vitest';
import { memoryDataset, NO_LABEL, toGrey, zeroPad } from './index.ts';

const provenance = { source: 'test', hashes: {}, operations: [] };
const shape = { channels: 1, height: 2, width: 2 };
const images = Uint8Array.from({ length: 12 }, (_, i) => i);
const base = { name: 'set', images, ...shape, provenance };

describe('memoryDataset', () => {
  it('copies one image out, and knows its label', () => {
    const set = memoryDataset({ ...base, labels: Uint8Array.of(2, 0, 1), classes: ['a', 'b', 'c'] });
    const out = new Uint8Array(6);
    set.readInto(1, out, 2);
    expect([...out]).toEqual([0, 0, 4, 5, 6, 7]);
    expect([set.length, set.label(0), set.classes?.[set.label(1)]]).toEqual([3, 2, 'a']);
  });

  it('is itself a stack of images', () => {
    expect(zeroPad(memoryDataset(base), 4).images.length).toBe(48);
    expect(() => toGrey(memoryDataset(base))).toThrow(/3 channels, got 1/);
  });

  it('has no label where none are given', () => {
    expect(memoryDataset(base).label(2)).toBe(NO_LABEL);
  });

  it('refuses what does not fit together', () => {
    expect(() => memoryDataset({ ...base, labels: Uint8Array.of(1) })).toThrow(
      /3 labels for the 3 images of set, got 1/,
    );
    const labels = Uint8Array.of(0, 5, 1);
    expect(() => memoryDataset({ ...base, labels, classes: ['a', 'b'] })).toThrow(/0 to 1.*got 5 at image 1/);
    expect(() => memoryDataset({ ...base, width: 5 })).toThrow(/whole images of 1×2×5 elements, got 12/);
    expect(() => memoryDataset({ ...base, width: 0 })).toThrow(/whole images/);
  });

  it('refuses an index or a place that is not there', () => {
    const set = memoryDataset(base);
    const out = new Uint8Array(4);
    for (const index of [-1, 3, 0.5]) expect(() => set.label(index)).toThrow(/an index from 0 to 2/);
    expect(() => set.readInto(3, out, 0)).toThrow(/an index from 0 to 2, got 3/);
    expect(() => set.readInto(0, out, 1)).toThrow(/room for 4 bytes at offset 1, got an array of 4/);
  });
});
