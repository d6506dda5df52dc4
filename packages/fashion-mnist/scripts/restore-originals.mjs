#!/usr/bin/env node
/**
 * How the files in `assets/` were made, so that anyone can make them again.
 *
 * Debian's package `dataset-fashion-mnist` carries the authors' deflate streams untouched, but rewrote the gzip
 * headers (no name, another time). Putting back the authors' header, name and time of August 31, 2017,
 * gives back the original bytes, as the published MD5s prove.
 *
 *   apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb unpacked
 *   node scripts/restore-originals.mjs unpacked/usr/share/datasets/fashion-mnist
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ORIGINALS = [
  ['train-images-idx3-ubyte', 1504176606, '8d4fb7e6c68d591d4c3dfef9ec88bf0d'],
  ['train-labels-idx1-ubyte', 1504176606, '25c81989df183df01b3e8a0aad5dffbe'],
  ['t10k-images-idx3-ubyte', 1504176627, 'bef4ecab320f06d8554ea6380940ec79'],
  ['t10k-labels-idx1-ubyte', 1504176627, 'bb300cfdad3c16e7a12a480ee83cd310'],
];

const folder = process.argv[2];
if (!folder) {
  console.error('usage: restore-originals.mjs FOLDER   (with the four .gz files of the Debian package)');
  process.exit(2);
}
for (const [name, mtime, md5] of ORIGINALS) {
  const debian = readFileSync(join(folder, `${name}.gz`));
  const header = Buffer.from([0x1f, 0x8b, 8, 0x08, 0, 0, 0, 0, 0, 3]); // RFC 1952: deflate, FNAME, Unix
  header.writeUInt32LE(mtime, 4);
  const original = Buffer.concat([header, Buffer.from(`${name}\0`), debian.subarray(10)]);
  const got = createHash('md5').update(original).digest('hex');
  if (got !== md5)
    throw new Error(`${name}.gz: MD5 ${got}, wanted ${md5}; is FOLDER from the Debian package?`);
  writeFileSync(new URL(`../assets/${name}.gz`, import.meta.url), original);
}
console.log('four files restored, MD5 checked');
