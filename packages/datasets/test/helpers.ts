/** What the tests share: real sample data outside the repository, temporary folders, small files made on the spot. */
import { execFile } from 'node:child_process';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGzip } from 'node:zlib';
import sharp from 'sharp';
import { pack } from 'tar-stream';
import { onTestFinished } from 'vitest';
import { ZipFile } from 'yazl';
import { type ImageDataset } from '../src/index.ts';

const shared = process.env['IMMISCIBLE_SHARED'] ?? resolve(import.meta.dirname, '../../../../shared');

/** A folder or file of the sample data, or nothing where it is not here. */
export function sample(name: string): string | undefined {
  const path = join(shared, 'data', name);
  return existsSync(path) ? path : undefined;
}

/** Ends the name of a test that needs a sample. */
export const needsSamples = '(skipped where ../shared/data is absent)';

/** The real CIFAR-10 folder, fetched once into the temporary folder; nothing where it cannot be had. */
export async function realCifar10(): Promise<string | undefined> {
  const script = sample('get-cifar10.mjs');
  if (script === undefined) return undefined;
  const folder = join(tmpdir(), 'immiscible-cifar10');
  const done = await promisify(execFile)(process.execPath, [script, folder]).catch(() => undefined);
  return done && folder;
}

/** An empty folder that is removed after the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'immiscible-datasets-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes bytes into a new temporary folder and returns the path. */
export async function temporaryFile(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, bytes);
  return path;
}

/** An IDX file of unsigned bytes (or, for the sake of an error, of another type). */
export function idxBytes(dims: readonly number[], data: Uint8Array, type = 0x08): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * dims.length + data.length);
  bytes.set([0, 0, type, dims.length]);
  const view = new DataView(bytes.buffer);
  dims.forEach((dim, axis) => view.setUint32(4 + 4 * axis, dim));
  bytes.set(data, 4 + 4 * dims.length);
  return bytes;
}

/** Records in CIFAR-10's layout: record i has label (first + i) mod 10 and pixels that tell it from its neighbours. */
export function cifarRecords(count: number, first = 0): Uint8Array {
  const bytes = new Uint8Array(count * 3073);
  for (let i = 0; i < count; i++) {
    bytes[i * 3073] = (first + i) % 10;
    for (let p = 0; p < 3072; p++) bytes[i * 3073 + 1 + p] = (first * 7 + i * 31 + p) & 255;
  }
  return bytes;
}

/** Writes a `.tar.gz` of the given files. */
export async function writeTarGz(path: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const archive = pack();
  for (const [name, bytes] of Object.entries(files)) archive.entry({ name }, Buffer.from(bytes));
  archive.finalize();
  await pipeline(archive, createGzip({ level: 1 }), createWriteStream(path));
}

/** Writes a zip archive of the given files, deflated unless told otherwise. */
export async function writeZip(
  path: string,
  files: Readonly<Record<string, Uint8Array | string>>,
  compress = true,
): Promise<void> {
  const archive = new ZipFile();
  for (const [name, content] of Object.entries(files)) {
    archive.addBuffer(Buffer.from(content), name, { compress });
  }
  archive.end();
  await pipeline(archive.outputStream, createWriteStream(path));
}

/** Writes files below a folder, making the folders that their names hold. */
export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, Uint8Array | string>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(join(folder, dirname(name)), { recursive: true });
    await writeFile(join(folder, name), content);
  }
}

/** A JPEG of one colour, grey if it has one channel. */
export async function jpeg(width: number, height: number, colour: readonly number[]): Promise<Buffer> {
  const pixels = Uint8Array.from(
    { length: width * height * colour.length },
    (_, i) => colour[i % colour.length]!,
  );
  const image = sharp(pixels, { raw: { width, height, channels: colour.length as 1 | 3 } });
  const grey = colour.length === 1 ? image.toColourspace('b-w') : image;
  return grey.jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer();
}

/** Every image of a set, [C, H, W] each. */
export async function allImages(set: ImageDataset): Promise<Uint8Array[]> {
  const images: Uint8Array[] = [];
  for (let i = 0; i < set.length; i++) {
    const out = new Uint8Array(set.channels * set.height * set.width);
    await set.readInto(i, out, 0);
    images.push(out);
  }
  return images;
}
