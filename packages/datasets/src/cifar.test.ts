import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  cifarRecords,
  needsSamples,
  realCifar10,
  sample,
  temporaryFolder,
  writeTarGz,
} from '../test/helpers.ts';
import { type MemoryDataset, MissingDataError, openCifar10, WrongDataError } from './index.ts';

const trainNames = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);

/** Ten records a batch, numbered through; the test batch begins at 50. */
function smallBatches(): Record<string, Uint8Array> {
  return Object.fromEntries(
    [...trainNames, 'test_batch.bin'].map((name, i) => [name, cifarRecords(10, i * 10)]),
  );
}

async function smallFolder(below = ''): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, below), { recursive: true });
  for (const [name, bytes] of Object.entries(smallBatches()))
    await writeFile(join(folder, below, name), bytes);
  return folder;
}

function expectSmallTraining(set: MemoryDataset): void {
  expect([set.name, set.length, set.channels, set.height, set.width]).toEqual([
    'cifar-10 train',
    50,
    3,
    32,
    32,
  ]);
  const records = cifarRecords(10, 30);
  expect(set.images.subarray(34 * 3072, 35 * 3072)).toEqual(records.subarray(4 * 3073 + 1, 5 * 3073));
  expect(Array.from({ length: 50 }, (_, i) => set.label(i))).toEqual(
    Array.from({ length: 50 }, (_, i) => i % 10),
  );
  expect(Object.keys(set.provenance.hashes)).toEqual(trainNames);
}

describe('openCifar10 on a folder', () => {
  it.each(['', 'cifar-10-batches-bin'])('finds the batches below "%s", in order', async (below) => {
    const path = await smallFolder(below);
    expectSmallTraining(await openCifar10({ path, split: 'train', verify: false }));
    expect((await openCifar10({ path, split: 'test', verify: false })).length).toBe(10);
  });

  it('averages blocks of pixels where it is asked for smaller images', async () => {
    const path = await smallFolder();
    const [whole, half, quarter] = await Promise.all(
      ([32, 16, 8] as const).map((size) => openCifar10({ path, split: 'test', verify: false, size })),
    );
    const mean = (side: number, factor: number, channel: number, y: number, x: number): number => {
      let sum = 0;
      for (let dy = 0; dy < factor; dy++) {
        for (let dx = 0; dx < factor; dx++) {
          sum += whole!.images[3072 * 7 + (channel * side + factor * y + dy) * side + factor * x + dx]!;
        }
      }
      return Math.floor(sum / factor ** 2 + 0.5);
    };
    for (const [channel, y, x] of [
      [0, 0, 0],
      [2, 3, 5],
      [1, 7, 7],
    ] as const) {
      expect(half!.images[768 * 7 + (channel * 16 + y) * 16 + x]).toBe(mean(32, 2, channel, y, x));
      expect(quarter!.images[192 * 7 + (channel * 8 + y) * 8 + x]).toBe(mean(32, 4, channel, y, x));
    }
    expect([half!.name, half!.length, half!.width]).toEqual(['cifar-10 test 16x16', 10, 16]);
    expect(half!.provenance.operations).toEqual(['mean-pool 2x2 -> 16x16']);
    expect(half!.labels).toEqual(whole!.labels);
    const odd = openCifar10({ path, split: 'test', verify: false, size: 20 as 16 });
    await expect(odd).rejects.toThrow(/wanted size 32, 16 or 8, got 20/);
  });

  it('refuses the wrong size and the wrong MD5 unless told otherwise', async () => {
    const path = await smallFolder();
    await expect(openCifar10({ path, split: 'test' })).rejects.toThrow(
      /wanted 30730000 bytes of test_batch.bin, got 30730 bytes.*get cifar-10-binary.tar.gz \(MD5 c32a1d4a/,
    );
    await writeFile(join(path, 'test_batch.bin'), new Uint8Array(30_730_000));
    await expect(openCifar10({ path, split: 'test' })).rejects.toThrow(
      /wanted MD5 803d5f7f4d78ea53de84dbe85f74fb6d of test_batch.bin of .*, got [0-9a-f]{32};/,
    );
    expect((await openCifar10({ path, split: 'test', verify: false })).length).toBe(10_000);
  });

  it('says what it found instead of the batches', async () => {
    const folder = await temporaryFolder();
    const open = (path: string): Promise<unknown> => openCifar10({ path, split: 'test' });
    await expect(open(join(folder, 'no'))).rejects.toThrow(MissingDataError);
    await expect(open(join(folder, 'no'))).rejects.toThrow(/a folder with test_batch.bin.*got nothing at/);
    await expect(open(folder)).rejects.toThrow(/got the empty folder/);
    await writeFile(join(folder, 'data_batch_1'), 'pickle');
    await expect(open(folder)).rejects.toThrow(/got the Python version in/);
  });

  it('names the one batch that is missing', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'data_batch_1.bin'), cifarRecords(10));
    await expect(openCifar10({ path: folder, split: 'train', verify: false })).rejects.toThrow(
      /nothing at .*data_batch_2.bin/,
    );
  });

  it('refuses labels beyond the classes, half records and too many', async () => {
    const folder = await temporaryFolder();
    const open = (): Promise<unknown> => openCifar10({ path: folder, split: 'test', verify: false });
    const file = join(folder, 'test_batch.bin');
    const bytes = cifarRecords(3);
    bytes[2 * 3073] = 11;
    await writeFile(file, bytes);
    await expect(open()).rejects.toThrow(/labels from 0 to 9, got 11 in record 2 of test_batch.bin/);
    for (const size of [0, 3074, 10_001 * 3073]) {
      await writeFile(file, new Uint8Array(size));
      await expect(open()).rejects.toThrow(`at most 10000, in test_batch.bin, got ${size} bytes`);
    }
  });
});

describe('openCifar10 on an archive', () => {
  it('reads the members that it needs, wherever they stand', async () => {
    const path = join(await temporaryFolder(), 'any.tar.gz');
    const reversed = Object.entries(smallBatches()).reverse();
    const files = Object.fromEntries(
      reversed.map(([name, bytes]) => [`cifar-10-batches-bin/${name}`, bytes]),
    );
    await writeTarGz(path, { 'cifar-10-batches-bin/readme.html': new Uint8Array(70_000), ...files });
    expectSmallTraining(await openCifar10({ path, split: 'train', verify: false }));
    await expect(openCifar10({ path, split: 'train' })).rejects.toThrow(
      /wanted 30730000 bytes of data_batch_5.bin/,
    );
  });

  it('names a member that is missing', async () => {
    const path = join(await temporaryFolder(), 'any.tar.gz');
    await writeTarGz(path, { 'data_batch_1.bin': cifarRecords(10) });
    await expect(openCifar10({ path, split: 'test', verify: false })).rejects.toThrow(
      /wanted test_batch.bin in the archive, got .*any.tar.gz without it/,
    );
  });

  it('refuses an archive that breaks off, and what is none', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'whole.tar.gz');
    await writeTarGz(path, smallBatches());
    const whole = await readFile(path);
    const broken: Record<string, Uint8Array> = {
      'short.tar.gz': whole.subarray(0, whole.length >> 1),
      'short-tar.tar.gz': gzipSync(cifarRecords(10).subarray(0, 700)),
      'text.tar.gz': Buffer.from('<html>not found</html>'),
      'empty.tar.gz': new Uint8Array(0),
    };
    for (const [name, bytes] of Object.entries(broken)) {
      await writeFile(join(folder, name), bytes);
      const opened = openCifar10({ path: join(folder, name), split: 'test', verify: false });
      await expect(opened, name).rejects.toThrow(WrongDataError);
      await expect(opened, name).rejects.toThrow(name);
    }
  });
});

describe.skipIf(!sample('get-cifar10.mjs'))(`the real CIFAR-10 ${needsSamples}`, () => {
  it('has the known images, classes and means, from the folder and from an archive', async ({ skip }) => {
    const path = await realCifar10();
    if (path === undefined) return skip('CIFAR-10 could not be fetched');
    const train = await openCifar10({ path, split: 'train' });
    expect([0, 1, 2, 3, 4].map((i) => train.classes?.[train.label(i)])).toEqual([
      'frog',
      'truck',
      'truck',
      'deer',
      'automobile',
    ]);
    expect([...train.images.subarray(0, 3)]).toEqual([59, 43, 50]);
    const count = new Array<number>(10).fill(0);
    for (let i = 0; i < train.length; i++) count[train.label(i)] = (count[train.label(i)] ?? 0) + 1;
    expect(count).toEqual(new Array<number>(10).fill(5000));

    // Channel means as everyone normalises with them: 0.4914, 0.4822, 0.4465.
    const sums = [0, 0, 0];
    train.images.forEach((value, at) => (sums[(at >> 10) % 3]! += value));
    const means = sums.map((sum) => (sum / (50_000 * 1024 * 255)).toFixed(4));
    expect(means).toEqual(['0.4914', '0.4822', '0.4465']);

    const archive = join(await temporaryFolder(), 'cifar-10-binary.tar.gz');
    const name = 'cifar-10-batches-bin/test_batch.bin';
    await writeTarGz(archive, { [name]: await readFile(join(path, name)) });
    const [fromFolder, fromArchive] = [
      await openCifar10({ path, split: 'test' }),
      await openCifar10({ path: archive, split: 'test' }),
    ];
    expect(Buffer.compare(fromArchive.images, fromFolder.images)).toBe(0);
    expect(fromArchive.provenance.hashes).toEqual({
      'test_batch.bin': 'md5:803d5f7f4d78ea53de84dbe85f74fb6d',
    });
  });
});
