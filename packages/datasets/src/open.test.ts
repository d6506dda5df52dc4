import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { cifarRecords, idxBytes, jpeg, temporaryFile, temporaryFolder, writeFiles } from '../test/helpers.ts';
import { DATASET_KINDS, DatasetError, type DatasetSpec, openDataset } from './index.ts';

/** One spec of each kind, and what it must open to: [length, channels, height, width]. */
async function specs(): Promise<[DatasetSpec, number[]][]> {
  const folder = await temporaryFolder();
  const raw = { width: 4, height: 3, channels: 3 } as const;
  await sharp(new Uint8Array(36), { raw }).png().toFile(join(folder, 'a.png'));
  const cifar = await temporaryFolder();
  await writeFile(join(cifar, 'test_batch.bin'), cifarRecords(4));
  const images = await temporaryFile('images', idxBytes([2, 5, 6], new Uint8Array(60)));
  const labels = await temporaryFile('labels', idxBytes([2], Uint8Array.of(3, 4)));
  const faces = await temporaryFolder();
  await writeFiles(faces, { 'img_align_celeba/1.jpg': await jpeg(178, 218, [9, 9, 9]) });
  const tiny = await temporaryFolder();
  await writeFiles(join(tiny, 'tiny-imagenet-200'), {
    'wnids.txt': 'n02124075\n',
    'train/n02124075/images/n02124075_0.JPEG': await jpeg(64, 64, [9, 9, 9]),
  });
  return [
    [{ kind: 'fashion-mnist', split: 'test', size: 16 }, [10_000, 1, 16, 16]],
    [{ kind: 'cifar10', path: cifar, split: 'test', verify: false }, [4, 3, 32, 32]],
    [{ kind: 'celeba', path: faces, split: 'all', size: 8 }, [1, 3, 8, 8]],
    [{ kind: 'tiny-imagenet', path: tiny, split: 'train' }, [1, 3, 64, 64]],
    [
      { kind: 'image-folder', path: folder, size: 2, crop: 'centre', channels: 3, onCorrupt: 'error' },
      [1, 3, 2, 2],
    ],
    [{ kind: 'idx', images, labels }, [2, 1, 5, 6]],
    [{ kind: 'toy-2d', shape: 'swiss-roll', points: 5 }, [5, 2, 1, 1]],
  ];
}

describe('openDataset', () => {
  it('opens every kind from plain JSON', async () => {
    const all = await specs();
    expect(all.map(([{ kind }]) => kind)).toEqual(DATASET_KINDS);
    for (const [spec, expected] of all) {
      const set = await openDataset(JSON.parse(JSON.stringify(spec)) as DatasetSpec);
      expect([set.length, set.channels, set.height, set.width], spec.kind).toEqual(expected);
      expect(JSON.parse(JSON.stringify(set.provenance))).toEqual(set.provenance);
      expect(Object.keys(set.provenance.hashes).length).toBeGreaterThan(0);
    }
  });

  it('names the kinds it knows', async () => {
    const unknown = openDataset({ kind: 'mnist' } as unknown as DatasetSpec);
    await expect(unknown).rejects.toThrow(DatasetError);
    await expect(unknown).rejects.toThrow(/kind fashion-mnist, cifar10, celeba, .*, toy-2d, got mnist/);
  });
});
