import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
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
import {
  CELEBA_CROPS,
  type CelebACrop,
  MissingDataError,
  NO_LABEL,
  openCelebA,
  WrongDataError,
} from './index.ts';

const names = ['000001.jpg', '000002.jpg', '000003.jpg', '000004.jpg'];
const colours = [
  [200, 10, 10],
  [10, 200, 10],
  [10, 10, 200],
  [90, 90, 90],
];
const partition = '000001.jpg 0\n000002.jpg 1\n000003.jpg 0\n000004.jpg 2\n';
const attributes = [
  '4',
  'Bald Male Smiling',
  '000001.jpg -1  1 -1',
  '000002.jpg -1 -1  1',
  '000003.jpg  1  1  1',
  '000004.jpg -1 -1 -1',
].join('\r\n');

let faces: Record<string, Buffer>;
beforeAll(async () => {
  const entries = names.map(async (name, i) => [
    `img_align_celeba/${name}`,
    await jpeg(178, 218, colours[i]!),
  ]);
  faces = Object.fromEntries(await Promise.all(entries)) as Record<string, Buffer>;
});

/** Images and lists in one folder. */
async function unpacked(): Promise<string> {
  const folder = await temporaryFolder();
  await writeFiles(folder, {
    ...faces,
    'list_eval_partition.txt': partition,
    'list_attr_celeba.txt': attributes,
  });
  return folder;
}

/** As on the authors' drive: Img/img_align_celeba.zip, Eval/…, Anno/…. */
async function published(compress = false): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'Img'));
  await writeZip(join(folder, 'Img/img_align_celeba.zip'), faces, compress);
  await writeFiles(folder, {
    'Eval/list_eval_partition.txt': partition,
    'Anno/list_attr_celeba.txt': attributes,
  });
  return folder;
}

/** As Kaggle's archive unpacks. */
async function kaggle(): Promise<string> {
  const folder = await temporaryFolder();
  const nested = Object.entries(faces).map(([name, bytes]) => [`img_align_celeba/${name}`, bytes]);
  await writeFiles(folder, {
    ...(Object.fromEntries(nested) as typeof faces),
    'list_eval_partition.csv': `image_id,partition\n${partition.replaceAll(' ', ',')}`,
    'list_attr_celeba.csv': [
      'image_id,Bald,Male,Smiling',
      ...attributes
        .split('\r\n')
        .slice(2)
        .map((line) => line.replaceAll(/ +/g, ',')),
    ].join('\n'),
  });
  return folder;
}

/** A face whose red is its column and whose green is its row. */
async function gradient(): Promise<Buffer> {
  const pixels = new Uint8Array(178 * 218 * 3);
  for (let i = 0; i < 178 * 218; i++) pixels.set([i % 178, Math.floor(i / 178), 0], 3 * i);
  return sharp(pixels, { raw: { width: 178, height: 218, channels: 3 } })
    .png()
    .toBuffer();
}

describe('openCelebA', () => {
  it('gives the same faces from a folder, from the folder of images, and from the archive in place', async () => {
    const [folder, drive] = [await unpacked(), await published()];
    const paths = [
      folder,
      join(folder, 'img_align_celeba'),
      drive,
      join(drive, 'Img'),
      join(drive, 'Img/img_align_celeba.zip'),
      join(await published(true), 'Img/img_align_celeba.zip'),
    ];
    for (const path of paths) {
      for (const decode of ['memory', 'lazy'] as const) {
        const set = await openCelebA({ path, split: 'train', size: 4, decode });
        expect([set.name, set.length, set.channels, set.height], path).toEqual([
          'celeba train centre-140 4x4',
          2,
          3,
          4,
        ]);
        const first = (await allImages(set)).map((image) => [image[0], image[16], image[32]]);
        for (const [i, want] of [colours[0]!, colours[2]!].entries()) {
          for (const [c, value] of want.entries()) expect(Math.abs(first[i]![c]! - value)).toBeLessThan(4);
        }
      }
    }
  });

  it('reads what Kaggle has of it: images a folder deeper, lists in CSV', async () => {
    const path = await kaggle();
    for (const place of [path, join(path, 'img_align_celeba')]) {
      const set = await openCelebA({ path: place, split: 'train', size: 4, attributes: ['Male'] });
      expect([set.length, set.label(0), set.label(1)]).toEqual([2, 1, 1]);
      expect(set.classes).toEqual(['not Male', 'Male']);
      expect(Object.keys(set.provenance.hashes)).toContain('list_eval_partition.csv');
    }
    await writeFile(join(path, 'list_eval_partition.csv'), 'image_id,partition\n000001.jpg,3\n');
    await expect(openCelebA({ path, split: 'train' })).rejects.toThrow('got "000001.jpg,3" in line 2');
  });

  it('follows the list: train, valid, test, and all without it', async () => {
    const path = await unpacked();
    const count = async (split: 'train' | 'valid' | 'test' | 'all'): Promise<number> =>
      (await openCelebA({ path, split, size: 1 })).length;
    expect(await Promise.all([count('train'), count('valid'), count('test'), count('all')])).toEqual([
      2, 1, 1, 4,
    ]);
    await rm(join(path, 'list_eval_partition.txt'));
    expect(await count('all')).toBe(4);
    await expect(count('test')).rejects.toThrow(MissingDataError);
    await expect(count('test')).rejects.toThrow(
      /wanted list_eval_partition.txt beside the images, got none in .*; get img_align_celeba.zip and/,
    );
  });

  it('says what it was made of', async () => {
    const set = await openCelebA({ path: await published(), split: 'train', attributes: ['Male'] });
    expect(Object.keys(set.provenance.hashes)).toEqual([
      'list_eval_partition.txt',
      'list_attr_celeba.txt',
      'names and sizes',
    ]);
    expect(set.provenance.operations).toContain('crop 140x140 at left 19, top 39');
    expect(set.provenance.operations).toContain('lanczos3 -> 64x64');
  });

  it.each(Object.keys(CELEBA_CROPS) as CelebACrop[])('cuts the square of %s and names it', async (crop) => {
    const path = await temporaryFolder();
    await writeFiles(path, { 'img_align_celeba/1.jpg': await gradient() });
    const { left, top, size } = CELEBA_CROPS[crop];
    const set = await openCelebA({ path, split: 'all', crop, size });
    expect(set.name).toBe(`celeba all ${crop} ${size}x${size}`);
    const [image] = await allImages(set);
    const corner = [image![0], image![size * size]];
    const opposite = [image![size * size - 1], image![2 * size * size - 1]];
    expect([corner, opposite]).toEqual([
      [left, top],
      [left + size - 1, top + size - 1],
    ]);
  });

  it('lies in the middle of the face with its usual crop', () => {
    const { left, top, size } = CELEBA_CROPS['centre-140'];
    expect([2 * left + size, 2 * top + size]).toEqual([178, 218]);
  });

  it('takes no face of another size for a published one, but any for a crop of its own', async () => {
    const path = await temporaryFolder();
    await writeFiles(path, { 'img_align_celeba/1.jpg': await jpeg(89, 109, [5, 5, 5]) });
    await expect(openCelebA({ path, split: 'all' })).rejects.toThrow(
      /wanted an image of 178×218, got .*1.jpg of 89×109; pass the set as it was published, or a crop/,
    );
    const crop = { left: 9, top: 19, size: 70 };
    const set = await openCelebA({ path, split: 'all', crop, size: 8 });
    expect([set.name, set.length]).toEqual(['celeba all crop 70+9+19 8x8', 1]);
  });

  it('makes labels of attributes', async () => {
    const path = await published();
    const labels = async (attributes: string[]): Promise<[number[], unknown]> => {
      const set = await openCelebA({ path, split: 'all', size: 1, attributes });
      return [names.map((_, i) => set.label(i)), set.classes];
    };
    expect(await labels([])).toEqual([[NO_LABEL, NO_LABEL, NO_LABEL, NO_LABEL], undefined]);
    expect(await labels(['Smiling'])).toEqual([
      [0, 1, 1, 0],
      ['not Smiling', 'Smiling'],
    ]);
    expect(await labels(['Male', 'Bald'])).toEqual([
      [1, 0, 3, 0],
      ['not Male, not Bald', 'Male, not Bald', 'not Male, Bald', 'Male, Bald'],
    ]);
    await expect(labels(['Happy'])).rejects.toThrow(
      /the attributes Bald, Male, Smiling, each once, got Happy/,
    );
    await expect(labels(['Male', 'Male'])).rejects.toThrow(/got Male, Male/);
  });

  it('names a line of a list that is none, and an image that the list has and the folder has not', async () => {
    const path = await unpacked();
    const list = join(path, 'list_eval_partition.txt');
    await writeFile(list, '000001.jpg 0\n000002.jpg,1\n');
    await expect(openCelebA({ path, split: 'train' })).rejects.toThrow(
      /wanted lines as "000001.jpg 0" .* got "000002.jpg,1" in line 2/,
    );
    for (const name of ['000009.jpg', '../list_attr_celeba.txt']) {
      await writeFile(list, `${name} 0\n`);
      const opened = openCelebA({ path, split: 'train' });
      await expect(opened).rejects.toThrow(`wanted ${name}, which list_eval_partition.txt names`);
    }
    await writeFile(join(path, 'list_attr_celeba.txt'), '1\nMale Bald\n000001.jpg 1\n');
    await expect(openCelebA({ path, split: 'all', attributes: ['Male'] })).rejects.toThrow(
      /a name and 2 times 1 or -1 .* got "000001.jpg 1" in line 3/,
    );
  });

  it('names a face that is damaged in the archive, or leaves it out', async () => {
    const path = await published();
    const archive = join(path, 'Img/img_align_celeba.zip');
    const bytes = await readFile(archive);
    const at = bytes.indexOf(faces['img_align_celeba/000002.jpg']!);
    expect(at).toBeGreaterThan(0);
    bytes[at + 200]! ^= 0xff;
    await writeFile(archive, bytes);
    const open = (onCorrupt: 'error' | 'skip', decode: 'memory' | 'lazy') =>
      openCelebA({ path, split: 'all', size: 2, onCorrupt, decode });
    await expect(open('error', 'memory')).rejects.toThrow(/a damaged archive .*000002.jpg .*CRC-32/);
    for (const decode of ['memory', 'lazy'] as const) {
      const set = await open('skip', decode);
      expect([set.length, set.skipped?.map(({ file }) => file.slice(-10))]).toEqual([3, ['000002.jpg']]);
      expect((await allImages(set)).length).toBe(3);
    }
  });

  it('refuses options that mean nothing, and paths without faces', async () => {
    const path = await unpacked();
    const open = (options: object): Promise<unknown> => openCelebA({ path, split: 'all', ...options });
    await expect(open({ split: 'val' })).rejects.toThrow(/split train, valid, test or all, got val/);
    await expect(open({ crop: 'centre' })).rejects.toThrow(/crop centre-140, ddim-128, top-40-148 or/);
    await expect(open({ onCorrupt: 'black' })).rejects.toThrow(/onCorrupt black/);
    await expect(open({ path: await temporaryFolder() })).rejects.toThrow(
      /wanted img_align_celeba or img_align_celeba.zip, got neither in/,
    );
    const empty = join(await temporaryFolder(), 'other.zip');
    await writeZip(empty, { 'README.txt': 'nothing' });
    await expect(open({ path: empty })).rejects.toThrow(
      /JPEG images of split all, got none in img_align_celeba/,
    );
    await writeFile(empty, 'text');
    await expect(open({ path: empty })).rejects.toThrow(WrongDataError);
  });

  const real = sample('celeba-sample');
  it.skipIf(!real)(`reads real faces of half the size from an archive ${needsSamples}`, async () => {
    const wanted = names.slice(0, 3);
    const files = await Promise.all(
      wanted.map(async (name) => [`img_align_celeba/${name}`, await readFile(join(real!, name))] as const),
    );
    const path = join(await temporaryFolder(), 'img_align_celeba.zip');
    await writeZip(path, Object.fromEntries(files));
    const crop = { left: 9, top: 19, size: 70 };
    const images = await allImages(await openCelebA({ path, split: 'all', crop }));
    expect(images.map((image) => image.length)).toEqual([12288, 12288, 12288]);
    const means = images.map((image) => image.reduce((sum, byte) => sum + byte, 0) / image.length);
    for (const mean of means) expect(Math.abs(mean - 128)).toBeLessThan(80);
  });
});
