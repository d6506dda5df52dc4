import { describe, expect, it } from 'vitest';
import {
  createLoader,
  DatasetOptionError,
  isValueDataset,
  memoryDataset,
  NO_LABEL,
  normalise,
  readValues,
  valueDataset,
  WrongDataError,
} from './index.ts';

const provenance = { source: 'here', hashes: {}, operations: [] };
const rows = { name: 'rows', channels: 1, height: 1, width: 3, provenance };
const values = Float32Array.of(0.1, 0.2, 0.3, -0.4, -0.5, -1);
const bytes = Uint8Array.of(0, 1, 2, 253, 254, 255);

describe('valueDataset', () => {
  it('is a data set whose elements are read as they are', async () => {
    const set = valueDataset({ ...rows, values, labels: Uint8Array.of(3, 4) });
    expect([set.length, set.label(1), isValueDataset(set)]).toEqual([2, 4, true]);
    expect(await readValues(set, [1, 0, 1])).toEqual(
      Float32Array.of(-0.4, -0.5, -1, 0.1, 0.2, 0.3, -0.4, -0.5, -1),
    );
    expect(valueDataset({ ...rows, values }).label(0)).toBe(NO_LABEL);
    await expect(readValues(set, [2])).rejects.toThrow(DatasetOptionError);
    expect(() => set.label(2)).toThrow(DatasetOptionError);
  });

  it('is never read as bytes', () => {
    const set = valueDataset({ ...rows, values });
    expect(() => set.readInto(0, new Uint8Array(3), 0)).toThrow(
      /rows: wanted a set of bytes, got one of values, which bytes would round; read it with readValues/,
    );
  });

  it('mirrors rows in a loader', async () => {
    const set = valueDataset({ ...rows, values });
    const loader = createLoader(set, { batchSize: 2, shuffle: false, flip: true });
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { images } = await loader.next();
      for (const row of [images.subarray(0, 3), images.subarray(3)]) seen.add(row.join());
    }
    const mirrored = [values.slice(0, 3), values.slice(3)].flatMap((row) => [
      row.join(),
      row.toReversed().join(),
    ]);
    expect([...seen].sort()).toEqual(mirrored.sort());
  });

  it('refuses values that the model does not see, and sizes that do not agree', () => {
    for (const stray of [1.5, NaN, -Infinity]) {
      expect(() => valueDataset({ ...rows, values: Float32Array.of(0, stray, 0) })).toThrow(
        `wanted values from -1 to 1, got ${stray} at element 1 of rows`,
      );
    }
    expect(() => valueDataset({ ...rows, values: new Float32Array(4) })).toThrow(WrongDataError);
    expect(() => valueDataset({ ...rows, values, labels: Uint8Array.of(1) })).toThrow(/2 labels .* got 1/);
  });
});

describe('readValues', () => {
  it('normalises a set of bytes', async () => {
    const set = memoryDataset({ ...rows, images: bytes });
    expect(isValueDataset(set)).toBe(false);
    expect(await readValues(set, [1, 0])).toEqual(normalise(Uint8Array.of(253, 254, 255, 0, 1, 2)));
  });

  it('writes where it is told to, if there is room', async () => {
    const set = memoryDataset({ ...rows, images: bytes });
    const out = new Float32Array(5);
    expect(await readValues(set, [0], out)).toBe(out);
    expect(out.subarray(0, 3)).toEqual(normalise(bytes.subarray(0, 3)));
    await expect(readValues(set, [0, 1], out)).rejects.toThrow(/room for 2 images of 3 elements, got 5/);
  });
});
