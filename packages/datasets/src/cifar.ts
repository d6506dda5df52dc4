/**
 * CIFAR-10 in its binary form: six batches of 10,000 records, each a label byte, then 32×32 red, green and blue
 * planes. https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky 2009)
 *
 * Reads a folder of the six files, or the archive as it was published.
 */
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type ArchiveMember, readCifarArchive } from './cifar-archive.ts';
import { type MemoryDataset, memoryDataset } from './dataset.ts';
import { DatasetOptionError, MissingDataError, WrongDataError } from './errors.ts';
import { checkMd5, fileSize, kindOf, readWithMd5 } from './read-file.ts';
import { meanPool } from './transform.ts';

/** The classes of labels 0 to 9. */
export const CIFAR10_CLASSES: readonly string[] = [
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
];

/** Options of `openCifar10`. */
export interface Cifar10Options {
  /** The folder with the six `.bin` files (or with `cifar-10-batches-bin/`), or `cifar-10-binary.tar.gz`. */
  readonly path: string;
  /** `train` has 50,000 images, `test` 10,000. */
  readonly split: 'train' | 'test';
  /** Whether each batch must have the published size and MD5. Default true. Hashes are recorded either way. */
  readonly verify?: boolean;
  /** 32: the original. 16 and 8: the mean of 2×2 or 4×4 pixels, halves rounded up. Default 32. */
  readonly size?: 32 | 16 | 8;
}

const OP = 'openCifar10';
const SIDE = 32;
const PIXELS = 3 * SIDE * SIDE;
const RECORD = 1 + PIXELS;
const BATCH_BYTES = 10_000 * RECORD;
const FOLDER = 'cifar-10-batches-bin';
const ARCHIVE = 'cifar-10-binary.tar.gz';
const ARCHIVE_MD5 = 'c32a1d4ab5d03f1284b67883e8d87530';
const FIX = `get ${ARCHIVE} (MD5 ${ARCHIVE_MD5}) from https://www.cs.toronto.edu/~kriz/cifar.html and pass it, or the folder unpacked from it`;

const MD5: Readonly<Record<'train' | 'test', Readonly<Record<string, string>>>> = {
  train: {
    'data_batch_1.bin': '5dd7e06a14cb22eb9f671a540d1b7c25',
    'data_batch_2.bin': '5ea93a67294ea407fff1d09f752e9692',
    'data_batch_3.bin': '942cd6a4bcdd0dd3c604fbe906cb4421',
    'data_batch_4.bin': 'ae636b3ba5c66a11e91e8cb52e771fcb',
    'data_batch_5.bin': '53f37980c15c3d472c316c40844f3f0d',
  },
  test: { 'test_batch.bin': '803d5f7f4d78ea53de84dbe85f74fb6d' },
};

/**
 * Opens CIFAR-10 in memory: [N, 3, size, size] uint8, labels 0 to 9, in the order of the batches.
 *
 * @throws MissingDataError if a file is not there
 * @throws WrongDataError if a size, an MD5 or a label is wrong. With `verify: false` any whole number of records,
 *   up to 10,000 a batch, is taken
 */
export async function openCifar10(options: Cifar10Options): Promise<MemoryDataset> {
  const { path, split, verify = true, size = SIDE } = options;
  const wanted = MD5[split] as Readonly<Record<string, string>> | undefined;
  if (wanted === undefined) {
    throw new DatasetOptionError({ op: OP, wanted: 'split train or test', got: split, fix: 'choose one' });
  }
  if (![32, 16, 8].includes(size)) {
    throw new DatasetOptionError({ op: OP, wanted: 'size 32, 16 or 8', got: `${size}`, fix: 'choose one' });
  }
  const members = await readMembers(path, Object.keys(wanted), verify);
  const hashes: Record<string, string> = {};
  for (const { name, bytes, md5 } of members) {
    if (verify) checkMd5(OP, `${name} of ${path}`, md5, wanted[name] ?? '', FIX);
    checkSize(name, bytes.length, path, verify);
    hashes[name] = `md5:${md5}`;
  }
  const { images, labels } = splitRecords(members, path);
  const original = { images, channels: 3, height: SIDE, width: SIDE };
  const factor = SIDE / size;
  const reduced = factor > 1;
  return memoryDataset({
    ...(reduced ? meanPool(original, factor) : original),
    name: `cifar-10 ${split}${reduced ? ` ${size}x${size}` : ''}`,
    labels,
    classes: CIFAR10_CLASSES,
    provenance: {
      source: path,
      hashes,
      operations: reduced ? [`mean-pool ${factor}x${factor} -> ${size}x${size}`] : [],
    },
  });
}

/** The wanted batches, in order, from wherever they are. */
async function readMembers(path: string, names: string[], verify: boolean): Promise<ArchiveMember[]> {
  const kind = await kindOf(path);
  if (kind === 'file')
    return readCifarArchive(path, names, (name, size) => checkSize(name, size, path, verify), FIX);
  const folder = kind === 'folder' ? await findFolder(path, names) : undefined;
  if (folder === undefined) {
    const got = kind === 'neither' ? `nothing at ${path}` : await describeFolder(path);
    throw new MissingDataError({
      op: OP,
      wanted: `a folder with ${names.join(', ')}, or ${ARCHIVE}`,
      got,
      fix: FIX,
    });
  }
  const members: ArchiveMember[] = [];
  for (const name of names) {
    const file = join(folder, name);
    checkSize(name, await fileSize(OP, file, FIX), path, verify);
    members.push({ name, ...(await readWithMd5(OP, file, FIX)) });
  }
  return members;
}

/** The folder itself or the one that the archive unpacks to: whichever holds any of the batches. */
async function findFolder(path: string, names: string[]): Promise<string | undefined> {
  for (const folder of [path, join(path, FOLDER)]) {
    for (const name of names) if ((await kindOf(join(folder, name))) === 'file') return folder;
  }
  return undefined;
}

async function describeFolder(path: string): Promise<string> {
  const entries = (await readdir(path)).sort();
  if (entries.some((entry) => entry === 'data_batch_1' || entry.startsWith('cifar-10-python'))) {
    return `the Python version in ${path}`;
  }
  if (entries.length === 0) return `the empty folder ${path}`;
  return `${path} with ${entries.slice(0, 5).join(', ')}${entries.length > 5 ? ', …' : ''}`;
}

function checkSize(name: string, size: number, path: string, verify: boolean): void {
  const whole = size > 0 && size <= BATCH_BYTES && size % RECORD === 0;
  if (verify ? size === BATCH_BYTES : whole) return;
  throw new WrongDataError({
    op: OP,
    wanted: verify
      ? `${BATCH_BYTES} bytes of ${name}`
      : `whole records of ${RECORD} bytes, at most 10000, in ${name}`,
    got: `${size} bytes in ${basename(path)}`,
    fix: FIX,
  });
}

/** Takes labels and pixels apart: images [N, 3, 32, 32], labels [N]. */
function splitRecords(members: ArchiveMember[], path: string): { images: Uint8Array; labels: Uint8Array } {
  const count = members.reduce((sum, { bytes }) => sum + bytes.length / RECORD, 0);
  const images = new Uint8Array(count * PIXELS);
  const labels = new Uint8Array(count);
  let index = 0;
  for (const { name, bytes } of members) {
    for (let at = 0; at < bytes.length; at += RECORD, index++) {
      const label = bytes[at] ?? 0;
      if (label >= CIFAR10_CLASSES.length) {
        throw new WrongDataError({
          op: OP,
          wanted: 'labels from 0 to 9',
          got: `${label} in record ${at / RECORD} of ${name} in ${path}`,
          fix: `check that this is CIFAR-10 in its binary form (CIFAR-100 has two label bytes); ${FIX}`,
        });
      }
      labels[index] = label;
      images.set(bytes.subarray(at + 1, at + RECORD), index * PIXELS);
    }
  }
  return { images, labels };
}
