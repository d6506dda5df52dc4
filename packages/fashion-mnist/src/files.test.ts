import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { files } from './index.ts';

describe.each(Object.entries(files))('%s', (_, file) => {
  it('is the original, byte for byte, and unpacks to the IDX it says', async () => {
    const packed = await readFile(file.url);
    expect(packed.length).toBe(file.bytes);
    expect(createHash('md5').update(packed).digest('hex')).toBe(file.md5);

    const raw = gunzipSync(packed);
    const rank = file.dims.length;
    expect([...raw.subarray(0, 4)]).toEqual([0, 0, 0x08, rank]);
    expect(file.dims.map((_size, axis) => raw.readUInt32BE(4 + 4 * axis))).toEqual(file.dims);
    expect(raw.length).toBe(4 + 4 * rank + file.dims.reduce((product, size) => product * size, 1));
  });
});

it('ships these four files and no others', async () => {
  const shipped = await readdir(new URL('../assets/', import.meta.url));
  expect(shipped.sort()).toEqual(
    Object.values(files)
      .map((file) => file.name)
      .sort(),
  );
});

it('holds 7,000 images of each of the ten classes', async () => {
  const count = new Array<number>(10).fill(0);
  for (const { url } of [files.trainLabels, files.testLabels]) {
    for (const label of gunzipSync(await readFile(url)).subarray(8)) count[label] = (count[label] ?? 0) + 1;
  }
  expect(count).toEqual(new Array<number>(10).fill(7_000));
});
