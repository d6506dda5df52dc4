import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  allImages,
  jpeg,
  needsSamples,
  sample,
  temporaryFolder,
  writeFiles,
  writeZip,
} from '../test/helpers.ts';
import { MissingDataError, openTinyImageNet, WrongDataError } from './index.ts';

/** Not sorted, as published. */
const ids = ['n02124075', 'n01641577', 'n09246464'];
const near = (value: number | undefined, wanted: number): boolean => Math.abs((value ?? NaN) - wanted) < 4;

let files: Record<string, Buffer | string>;
beforeAll(async () => {
  const train = ids.flatMap((id, label) =>
    [0, 1].map(async (i): Promise<[string, Buffer]> => {
      const colour = label === 1 ? [77] : [50 * label, 20, 100 + i];
      return [`train/${id}/images/${id}_${i}.JPEG`, await jpeg(64, 64, colour)];
    }),
  );
  const val = [2, 0].map(async (label, i): Promise<[string, Buffer]> => [
    `val/images/val_${i}.JPEG`,
    await jpeg(64, 64, [50 * label, 200, 0]),
  ]);
  files = {
    'wnids.txt': ids.join('\n'),
    'words.txt': `n00001740\tentity\n${ids[1]}\ttailed frog, bell toad\n${ids[0]}\tEgyptian cat\n`,
    'val/val_annotations.txt': `val_1.JPEG\t${ids[0]}\t0\t0\t9\t9\nval_0.JPEG\t${ids[2]}\t0\t0\t9\t9\n`,
    'test/images/test_0.JPEG': await jpeg(64, 64, [0, 0, 0]),
    ...Object.fromEntries(await Promise.all([...train, ...val])),
  };
});

const below = (prefix: string): Record<string, Buffer | string> =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [`${prefix}/${name}`, content]));

async function unpacked(): Promise<string> {
  const folder = await temporaryFolder();
  await writeFiles(folder, below('tiny-imagenet-200'));
  return join(folder, 'tiny-imagenet-200');
}

describe('openTinyImageNet', () => {
  it('gives the same from its folder, the folder above, the archive and the folder of the archive', async () => {
    const folder = await unpacked();
    const packed = await temporaryFolder();
    const archive = join(packed, 'tiny-imagenet-200.zip');
    await writeZip(archive, below('tiny-imagenet-200'));
    for (const path of [folder, join(folder, '..'), archive, packed]) {
      for (const decode of ['memory', 'lazy'] as const) {
        const set = await openTinyImageNet({ path, split: 'train', decode });
        expect([set.name, set.length, set.channels, set.width], path).toEqual([
          'tiny-imagenet train 64x64',
          6,
          3,
          64,
        ]);
        expect(Array.from({ length: 6 }, (_, i) => set.label(i))).toEqual([0, 0, 1, 1, 2, 2]);
        const images = await allImages(set);
        expect(images.every((image, i) => near(image[0], [0, 0, 77, 77, 100, 100][i]!))).toBe(true);
      }
    }
  });

  it('labels in the order of wnids.txt, and names classes by words.txt', async () => {
    const path = await unpacked();
    const { classes, provenance } = await openTinyImageNet({ path, split: 'train' });
    expect(classes).toEqual(['Egyptian cat', 'tailed frog, bell toad', ids[2]]);
    expect(Object.keys(provenance.hashes)).toEqual(['wnids.txt', 'names and sizes']);
    await rm(join(path, 'words.txt'));
    expect((await openTinyImageNet({ path, split: 'train' })).classes).toEqual(ids);
  });

  it('makes grey images RGB', async () => {
    const set = await openTinyImageNet({ path: await unpacked(), split: 'train' });
    const grey = (await allImages(set))[2]!;
    expect([0, 4096, 8192].every((at) => near(grey[at], 77) && grey[at] === grey[0])).toBe(true);
  });

  it('reads the validation images as they are annotated', async () => {
    const set = await openTinyImageNet({ path: await unpacked(), split: 'val', size: 8 });
    expect([set.name, set.length, set.label(0), set.label(1)]).toEqual(['tiny-imagenet val 8x8', 2, 0, 2]);
    const [first, second] = await allImages(set);
    expect(near(first![0], 0) && near(second![0], 100)).toBe(true);
  });

  it('says which list or image is wrong or missing', async () => {
    const path = await unpacked();
    const open = (split: 'train' | 'val'): Promise<unknown> => openTinyImageNet({ path, split });
    await rm(join(path, 'val/images/val_1.JPEG'));
    await expect(open('val')).rejects.toThrow(/wanted val_1.JPEG, which .*val_annotations.txt names/);
    await writeFile(join(path, 'val/val_annotations.txt'), 'val_0.JPEG\tn12345678\n');
    await expect(open('val')).rejects.toThrow(
      /a class of wnids.txt in .* got "val_0.JPEG\tn12345678" in line 1/,
    );
    await rm(join(path, 'train', ids[2]!), { recursive: true });
    await expect(open('train')).rejects.toThrow(
      /wanted images of n09246464, which wnids.txt names, got none/,
    );
    for (const [content, got] of [
      ['', 'an empty file'],
      ['../../up\n', '"../../up" in line 1'],
      [`${ids[0]}\n${ids[0]}\n`, `"${ids[0]}" in line 2`],
    ] as const) {
      await writeFile(join(path, 'wnids.txt'), content);
      await expect(open('train')).rejects.toThrow(WrongDataError);
      await expect(open('train')).rejects.toThrow(got);
    }
    await rm(join(path, 'wnids.txt'));
    await expect(open('train')).rejects.toThrow(MissingDataError);
    await expect(openTinyImageNet({ path: join(path, 'train'), split: 'train' })).rejects.toThrow(
      /wanted tiny-imagenet-200 or tiny-imagenet-200.zip, got neither in .*; get tiny-imagenet-200.zip from/,
    );
    const other = openTinyImageNet({ path, split: 'test' as 'val' });
    await expect(other).rejects.toThrow(/split train or val, got test/);
  });

  it('takes no image of another size for one of the set', async () => {
    const path = await unpacked();
    await writeFile(join(path, `train/${ids[0]}/images/x.JPEG`), await jpeg(32, 64, [1, 2, 3]));
    await expect(openTinyImageNet({ path, split: 'train' })).rejects.toThrow(
      /an image of 64×64, got .*x.JPEG of 32×64/,
    );
  });

  const real = sample('tiny-imagenet-sample');
  it.skipIf(!real)(`reads the real layout, both splits ${needsSamples}`, async () => {
    const train = await openTinyImageNet({ path: real!, split: 'train' });
    const val = await openTinyImageNet({ path: real!, split: 'val' });
    expect([train.length, val.length, train.classes?.length]).toEqual([320, 80, 8]);
    expect(train.classes![val.label(0)]).toMatch(/^[A-Za-z ,'-]+$/);
    expect((await allImages(val)).every((image) => image.length === 12288)).toBe(true);
  });
});
