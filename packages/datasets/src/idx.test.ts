import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { idxBytes, needsSamples, sample, temporaryFile } from '../test/helpers.ts';
import { MissingDataError, openIdx, parseIdx, readIdx, WrongDataError } from './index.ts';

const data = Uint8Array.from({ length: 24 }, (_, i) => i * 10);
const images = idxBytes([2, 3, 4], data);

describe('parseIdx', () => {
  it('gives back what was written, for any shape', () => {
    const shape = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(shape, fc.integer({ min: 0, max: 255 }), (dims, seed) => {
        const size = dims.reduce((a, b) => a * b, 1);
        const bytes = Uint8Array.from({ length: size }, (_, i) => (seed + i * 37) & 255);
        expect(parseIdx(idxBytes(dims, bytes))).toEqual({ dims, data: bytes });
      }),
    );
  });

  it.each([
    ['text', new TextEncoder().encode('hello, world'), /IDX magic 00 00 08.*got 68 65 6c 6c/],
    ['floats', idxBytes([1], new Uint8Array(4), 0x0d), /unsigned bytes.*got type 0x0d/],
    ['nothing', new Uint8Array(0), /an IDX header, got 0 bytes/],
    ['half a header', images.subarray(0, 9), /an IDX header, got 9 bytes/],
    ['data cut short', images.subarray(0, 30), /one for 24 bytes \(2×3×4\), more than the file can hold/],
    ['data too long', idxBytes([2, 3], data), /6 bytes of data \(2×3\), got 24/],
    ['a header for 2^64 bytes', idxBytes([2 ** 31, 2 ** 31, 4], data), /more than the file can hold/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => parseIdx(bytes)).toThrow(WrongDataError);
    expect(() => parseIdx(bytes)).toThrow(message);
  });
});

describe('readIdx', () => {
  it.each([
    ['raw', images],
    ['gzipped', gzipSync(images)],
  ])('reads a %s file, whatever its name', async (_, bytes) => {
    const read = await readIdx(await temporaryFile('images', bytes));
    expect(read).toEqual({ dims: [2, 3, 4], data, md5: createHash('md5').update(bytes).digest('hex') });
  });

  it('says what is not there and what to do', async () => {
    await expect(readIdx('/nowhere/images.gz', { fix: 'fetch it from x' })).rejects.toThrow(MissingDataError);
    await expect(readIdx('/nowhere/images.gz', { fix: 'fetch it from x' })).rejects.toThrow(
      'readIdx: wanted a file, got nothing at /nowhere/images.gz; fetch it from x',
    );
  });

  it('refuses another MD5', async () => {
    const path = await temporaryFile('images', images);
    await expect(readIdx(path, { md5: '0'.repeat(32) })).rejects.toThrow(
      /wanted MD5 0{32} of .*images, got [0-9a-f]{32}/,
    );
  });

  it('refuses a gzip that breaks off, and one that is damaged', async () => {
    const zipped = gzipSync(
      idxBytes(
        [4, 50, 50],
        Uint8Array.from({ length: 10_000 }, (_, i) => (i * i) >> 3),
      ),
    );
    const short = await temporaryFile('short.gz', zipped.subarray(0, zipped.length >> 1));
    await expect(readIdx(short)).rejects.toThrow(/a whole IDX file, got \d+ bytes .*unexpected end of file/);
    const damaged = Uint8Array.from(zipped);
    damaged.fill(0x55, 100, 140);
    await expect(readIdx(await temporaryFile('bad.gz', damaged))).rejects.toThrow(WrongDataError);
  });

  it('allocates nothing on the word of a header alone', async () => {
    const lie = await temporaryFile('lie.gz', gzipSync(idxBytes([60_000, 1000, 1000], data)));
    await expect(readIdx(lie, { maxBytes: 2 ** 40 })).rejects.toThrow(/more than the file can hold/);
    const bomb = await temporaryFile('bomb.gz', gzipSync(idxBytes([5000, 1000], new Uint8Array(5_000_000))));
    await expect(readIdx(bomb, { maxBytes: 1_000_000 })).rejects.toThrow(
      /at most 1000000 bytes.*5000000 bytes/,
    );
  });
});

describe('openIdx', () => {
  it('refuses labels in the place of images, and too few labels', async () => {
    const imagesPath = await temporaryFile('images', images);
    const labels = await temporaryFile('labels', idxBytes([3], new Uint8Array(3)));
    await expect(openIdx({ images: labels })).rejects.toThrow(/images of rank 3.*got rank 1, \[3\]/);
    await expect(openIdx({ images: imagesPath, labels: imagesPath })).rejects.toThrow(
      /labels of rank 1.*rank 3/,
    );
    await expect(openIdx({ images: imagesPath, labels })).rejects.toThrow(/2 labels for the 2 images.*got 3/);
  });

  it('has no labels where none are given', async () => {
    const set = await openIdx({ images: await temporaryFile('images', images) });
    expect([set.length, set.channels, set.height, set.width, set.label(1)]).toEqual([2, 1, 3, 4, -1]);
    expect(set.labels).toBeUndefined();
  });

  const mnist = sample('mnist');
  it.skipIf(!mnist)(`opens the real MNIST ${needsSamples}`, async () => {
    const set = await openIdx({
      images: `${mnist}/t10k-images-idx3-ubyte.gz`,
      labels: `${mnist}/t10k-labels-idx1-ubyte.gz`,
    });
    expect([set.length, set.height, set.width]).toEqual([10_000, 28, 28]);
    expect(Array.from({ length: 8 }, (_, i) => set.label(i))).toEqual([7, 2, 1, 0, 4, 1, 4, 9]);
    // The published MD5 of the raw file covers header and pixels.
    const raw = idxBytes([10_000, 28, 28], set.images);
    expect(createHash('md5').update(raw).digest('hex')).toBe('2646ac647ad5339dbf082846283269ea');
  });
});
