import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type FashionMnistSize, openFashionMnist } from './index.ts';

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

describe('openFashionMnist', () => {
  // NumPy 2.4: p = np.pad(images, ((0, 0), (2, 2), (2, 2)));
  // np.floor(p.reshape(n, 32 // f, f, 32 // f, f).mean((2, 4)) + .5).astype(np.uint8); MD5 of the bytes.
  it.each<[FashionMnistSize, string, string[]]>([
    [28, 'b7656a891b218fc13e45205c48a92cae', []],
    [32, '4351d01f35c12c907871d7bc754fdcb9', ['zero-pad 28x28 -> 32x32']],
    [16, 'd3243d6238b43714f714427180761652', ['zero-pad 28x28 -> 32x32', 'mean-pool 2x2 -> 16x16']],
    [8, 'd14fa32b965ae8ecfadab7b07b2e1866', ['zero-pad 28x28 -> 32x32', 'mean-pool 4x4 -> 8x8']],
  ])('gives the test set at %d×%d as NumPy computes it', async (size, hash, operations) => {
    const set = await openFashionMnist({ split: 'test', size });
    expect([set.length, set.channels, set.height, set.width]).toEqual([10_000, 1, size, size]);
    expect(md5(set.images)).toBe(hash);
    expect(set.provenance).toEqual({
      source: '@immiscible/fashion-mnist',
      hashes: {
        't10k-images-idx3-ubyte.gz': 'md5:bef4ecab320f06d8554ea6380940ec79',
        't10k-labels-idx1-ubyte.gz': 'md5:bb300cfdad3c16e7a12a480ee83cd310',
      },
      operations,
    });
  });

  it('opens the training set', async () => {
    const set = await openFashionMnist({ split: 'train' });
    expect(set.length).toBe(60_000);
    expect(set.classes?.[set.label(0)]).toBe('Ankle boot');
  });

  it('refuses a size that it does not know', async () => {
    await expect(openFashionMnist({ split: 'test', size: 20 as 28 })).rejects.toThrow(
      /size 28, 32, 16, 8, got .*20/,
    );
  });
});
