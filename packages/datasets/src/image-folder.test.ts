import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { needsSamples, sample, temporaryFolder } from '../test/helpers.ts';
import {
  CorruptImageError,
  createLoader,
  decodeImage,
  MissingDataError,
  NO_LABEL,
  openImageFolder,
  TooFewImagesError,
} from './index.ts';

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');
const PIXEL = { size: 1, crop: 'centre', channels: 3 } as const;

/** A PNG of one colour, or one pixel a colour in a row. */
async function png(...colours: [number, number, number][]): Promise<Buffer> {
  const raw = { width: colours.length, height: 1, channels: 3 } as const;
  return sharp(Uint8Array.from(colours.flat()), { raw }).png().toBuffer();
}

async function pixels(folder: string, options: object = {}): Promise<number[][]> {
  const set = await openImageFolder({ path: folder, size: 1, ...options });
  const out = new Uint8Array(set.channels);
  const all: number[][] = [];
  for (let i = 0; i < set.length; i++) {
    await set.readInto(i, out, 0);
    all.push([...out]);
  }
  return all;
}

describe('openImageFolder', () => {
  it('reads a flat folder in the order of names, without labels', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'b.png'), await png([2, 2, 2]));
    await writeFile(join(folder, 'B.PNG'), await png([1, 1, 1]));
    await writeFile(join(folder, 'a10.png'), await png([3, 3, 3]));
    await writeFile(join(folder, '.hidden.png'), 'no image');
    await writeFile(join(folder, 'notes.txt'), 'no image');
    const set = await openImageFolder({ path: folder, size: 1 });
    expect([set.length, set.label(0), set.classes]).toEqual([3, NO_LABEL, undefined]);
    expect(await pixels(folder)).toEqual([
      [1, 1, 1],
      [3, 3, 3],
      [2, 2, 2],
    ]);
  });

  it('makes a class of each folder, its images at any depth, also behind a link', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'dog/images'), { recursive: true });
    await mkdir(join(folder, 'cat'));
    await writeFile(join(folder, 'dog/images/1.png'), await png([7, 8, 9]));
    await writeFile(join(folder, 'cat/2.png'), await png([4, 5, 6]));
    await symlink(join(folder, 'dog'), join(folder, 'dog/images/loop'));
    await symlink(join(folder, 'dog'), join(folder, 'elk'));
    const set = await openImageFolder({ path: folder, size: 1 });
    expect(set.classes).toEqual(['cat', 'dog', 'elk']);
    expect([0, 1, 2].map((i) => set.label(i))).toEqual([0, 1, 2]);
    expect(await pixels(folder)).toEqual([
      [4, 5, 6],
      [7, 8, 9],
      [7, 8, 9],
    ]);
  });

  it('says what is wrong with a folder', async () => {
    const folder = await temporaryFolder();
    const open = (): Promise<unknown> => openImageFolder({ path: folder, size: 1 });
    await expect(openImageFolder({ path: join(folder, 'no'), size: 1 })).rejects.toThrow(MissingDataError);
    await expect(open()).rejects.toThrow(/got no .jpg, .jpeg, .png or .webp file in/);
    await writeFile(join(folder, 'a.png'), await png([1, 1, 1]));
    await mkdir(join(folder, 'cat'));
    await expect(open()).rejects.toThrow(/got 1 images beside 1 folders/);
    await mkdir(join(folder, 'class/dog'), { recursive: true });
    await copyFile(join(folder, 'a.png'), join(folder, 'class/dog/a.png'));
    await mkdir(join(folder, 'class/cat'));
    await expect(openImageFolder({ path: join(folder, 'class'), size: 1 })).rejects.toThrow(
      /got none in cat/,
    );
  });

  it('refuses options that mean nothing', async () => {
    const open = (options: object): Promise<unknown> => openImageFolder({ path: '.', size: 8, ...options });
    await expect(open({ size: 0 })).rejects.toThrow(/a size from 1 to 8192.*got size 0/);
    await expect(open({ channels: 2 })).rejects.toThrow(/channels 2/);
    await expect(open({ crop: { left: -1, top: 0, size: 4 } })).rejects.toThrow(/crop {"left":-1/);
    await expect(open({ onCorrupt: 'black' })).rejects.toThrow(/onCorrupt black/);
  });

  it('gives the same pixels from memory and one by one, and the same batches', async () => {
    const folder = await temporaryFolder();
    for (let i = 0; i < 11; i++) await writeFile(join(folder, `${i}.png`), await png([i, 2 * i, 3 * i]));
    expect(await pixels(folder, { decode: 'lazy' })).toEqual(await pixels(folder, { decode: 'memory' }));
    const batches = async (decode: 'lazy' | 'memory'): Promise<number[][]> => {
      const set = await openImageFolder({ path: folder, size: 1, decode });
      const loader = createLoader(set, { batchSize: 4, seed: 5 });
      return [[...(await loader.next()).images], [...(await loader.next()).images]];
    };
    expect(await batches('lazy')).toEqual(await batches('memory'));
  });

  it('tells one listing from another', async () => {
    const folder = await temporaryFolder();
    const hash = async (): Promise<unknown> =>
      (await openImageFolder({ path: folder, size: 1 })).provenance.hashes;
    await writeFile(join(folder, 'a.png'), await png([1, 1, 1]));
    const before = await hash();
    expect(await hash()).toEqual(before);
    await writeFile(join(folder, 'b.png'), await png([1, 1, 1]));
    expect(await hash()).not.toEqual(before);
  });

  const tiny = sample('tiny-imagenet-sample');
  it.skipIf(!tiny)(`opens tiny-ImageNet's training folders ${needsSamples}`, async () => {
    const set = await openImageFolder({ path: `${tiny}/tiny-imagenet-200/train`, size: 64 });
    expect([set.length, set.classes?.length, set.channels]).toEqual([320, 8, 3]);
    expect(set.classes).toEqual([...(set.classes ?? [])].sort());
  });

  const faces = sample('celeba-sample');
  it.skipIf(!faces)(`opens CelebA with a crop that the record names ${needsSamples}`, async () => {
    const crop = { left: 7, top: 20, size: 74 };
    const set = await openImageFolder({ path: faces ?? '', size: 32, crop, channels: 1 });
    expect([set.length, set.channels, set.height]).toEqual([600, 1, 32]);
    expect(set.provenance.operations).toContain('crop 74x74 at left 7, top 20');
    const outside = { ...crop, top: 60 };
    await expect(openImageFolder({ path: faces ?? '', size: 32, crop: outside })).rejects.toThrow(
      /an image that holds 74×74 at left 7, top 60, got .*000001.jpg of 89×109/,
    );
  });
});

describe('corrupt images', () => {
  const corrupt = sample('corrupt-images') ?? '';

  it.skipIf(!corrupt)(`are never pixels: each is an error by name ${needsSamples}`, async () => {
    for (const file of ['truncated.jpg', 'flipped-bytes.jpg', 'empty.jpg', 'text.jpg', 'zeros.png']) {
      // A crop of the first pixel alone must not hide that the rest is missing.
      const format = { size: 1, crop: { left: 0, top: 0, size: 1 }, channels: 3 } as const;
      const decoded = decodeImage(await readFile(join(corrupt, file)), file, format);
      await expect(decoded, file).rejects.toThrow(CorruptImageError);
      await expect(decoded, file).rejects.toMatchObject({ file });
    }
  });

  it.skipIf(!corrupt)(`end the run, or are left out and named ${needsSamples}`, async () => {
    await expect(openImageFolder({ path: corrupt, size: 16 })).rejects.toThrow(
      /empty.jpg: 0 bytes that do not decode/,
    );
    for (const decode of ['memory', 'lazy'] as const) {
      const set = await openImageFolder({ path: corrupt, size: 16, onCorrupt: 'skip', decode });
      expect(set.length).toBe(1);
      expect(set.skipped?.map(({ file }) => file.slice(corrupt.length + 1))).toEqual([
        'empty.jpg',
        'flipped-bytes.jpg',
        'text.jpg',
        'truncated.jpg',
        'zeros.png',
      ]);
      // Each has its own reason, though all were decoded side by side.
      const reasons = [
        /Buffer is empty/,
        /Huffman/,
        /unsupported image format/,
        /premature end/,
        /unsupported/,
      ];
      for (const [i, reason] of reasons.entries()) expect(set.skipped?.[i]?.reason).toMatch(reason);
    }
  });

  it('break a batch by name when they are decoded as they are read', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.png'), await png([1, 2, 3]));
    await writeFile(join(folder, 'b.png'), (await png([1, 2, 3])).subarray(0, 60));
    const set = await openImageFolder({ path: folder, size: 1, decode: 'lazy' });
    const loader = createLoader(set, { batchSize: 2 });
    await expect(loader.next()).rejects.toThrow(/b.png: 60 bytes that do not decode/);
  });

  it('may not be all there is', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'a.png'), 'text');
    const opened = openImageFolder({ path: folder, size: 1, onCorrupt: 'skip' });
    await expect(opened).rejects.toThrow(TooFewImagesError);
    await expect(opened).rejects.toThrow(/got 1 corrupt files/);
  });
});

describe('decodeImage', () => {
  it('cuts the middle of a wide image, stretches it, or takes the square it is given', async () => {
    const row = await png([10, 0, 0], [20, 0, 0], [30, 0, 0]);
    const red = async (
      crop: 'centre' | { left: number; top: number; size: number },
    ): Promise<number | undefined> => (await decodeImage(row, 'row.png', { ...PIXEL, crop })).images[0];
    expect(await red('centre')).toBe(20);
    expect(await red({ left: 2, top: 0, size: 1 })).toBe(30);
    const stretched = await decodeImage(row, 'row.png', { size: 1, crop: 'stretch', channels: 3 });
    expect([...stretched.images]).toEqual([20, 0, 0]);
  });

  it('makes grey and RGB of whatever it is given', async () => {
    const grey = { raw: { width: 1, height: 1, channels: 1 } } as const;
    const alpha = { raw: { width: 1, height: 1, channels: 4 } } as const;
    const one = Uint8Array.of(99);
    const files: Record<string, Buffer> = {
      'grey8.png': await sharp(one, grey).toColourspace('b-w').png().toBuffer(),
      'grey16.png': await sharp(one, grey).toColourspace('grey16').png().toBuffer(),
      'palette.png': await sharp(one, grey).png({ palette: true }).toBuffer(),
      'alpha.png': await sharp(Uint8Array.of(99, 99, 99, 0), alpha)
        .png()
        .toBuffer(),
      'lossless.webp': await sharp(one, grey).webp({ lossless: true }).toBuffer(),
      'grey.jpg': await sharp(one, grey).toColourspace('b-w').jpeg({ quality: 100 }).toBuffer(),
    };
    for (const [name, bytes] of Object.entries(files)) {
      expect([...(await decodeImage(bytes, name, PIXEL)).images], name).toEqual([99, 99, 99]);
      expect([...(await decodeImage(bytes, name, { ...PIXEL, channels: 1 })).images], name).toEqual([99]);
    }
  });

  it('turns a photograph upright as its EXIF says', async () => {
    const raw = { width: 2, height: 1, channels: 3 } as const;
    const lying = await sharp(Uint8Array.of(200, 0, 0, 0, 0, 200), { raw })
      .png()
      .withMetadata({ orientation: 6 })
      .toBuffer();
    const top = await decodeImage(lying, 'photo.png', { ...PIXEL, crop: { left: 0, top: 1, size: 1 } });
    expect([...top.images]).toEqual([0, 0, 200]);
  });

  const corrupt = sample('corrupt-images') ?? '';
  it.skipIf(!corrupt)(`gives Pillow's pixels ${needsSamples}`, async () => {
    // Pillow 13.0: im = Image.open('valid.jpg').convert('RGB').crop((0, 16, 128, 144)); MD5 of the planes, and of 'L'.
    const bytes = await readFile(join(corrupt, 'valid.jpg'));
    const format = { size: 128, crop: { left: 0, top: 16, size: 128 }, channels: 3 } as const;
    expect(md5((await decodeImage(bytes, 'valid.jpg', format)).images)).toBe(
      'd07033c181c8b71cc1dc6c75d055881a',
    );
    const grey = await decodeImage(bytes, 'valid.jpg', { ...format, channels: 1 });
    expect(md5(grey.images)).toBe('ee90d7953c8579dfeba6fb49f7ef73ed');
  });
});
