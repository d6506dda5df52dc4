import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { TrainerError } from './errors.ts';
import { gridPng } from './image-grid.ts';

/** The pixels of a PNG, interleaved, in as many channels as the file has. */
async function decode(png: Uint8Array) {
  const { channels, width, height } = await sharp(png).metadata();
  const colours = channels === 1 ? 'b-w' : 'srgb';
  return { pixels: [...(await sharp(png).toColourspace(colours).raw().toBuffer())], width, height, channels };
}

describe('gridPng', () => {
  it('lays grey images out in rows, with white lines between them and white where none is left', async () => {
    const images = Float32Array.from([-1, -1, -1, -1, 0, 0, 0, 0, 1, -1, 1, -1]);
    const { pixels, ...size } = await decode(await gridPng(images, [1, 2, 2], { columns: 2 }));
    expect(size).toEqual({ width: 5, height: 5, channels: 1 });
    const [W, g] = [255, 128];
    expect(pixels).toEqual(
      [
        [0, 0, W, g, g],
        [0, 0, W, g, g],
        [W, W, W, W, W],
        [W, 0, W, W, W],
        [W, 0, W, W, W],
      ].flat(),
    );
  });

  it('takes the planes of coloured images apart in the right order', async () => {
    const red = [1, 1, -1, -1, -1, -1];
    const { pixels, channels } = await decode(
      await gridPng(Float32Array.from(red), [3, 1, 2], { columns: 1, gap: 0 }),
    );
    expect(channels).toBe(3);
    expect(pixels).toEqual([255, 0, 0, 255, 0, 0]);
  });

  it('enlarges every pixel to a square, without blur', async () => {
    const png = await gridPng(Float32Array.from([-1, 1]), [1, 1, 2], { columns: 1, scale: 3 });
    const { pixels, width, height } = await decode(png);
    expect([width, height]).toEqual([6, 3]);
    expect(pixels).toEqual(Array.from({ length: 3 }, () => [0, 0, 0, 255, 255, 255]).flat());
  });

  it('clips what is beyond the range', async () => {
    const png = await gridPng(Float32Array.from([-7, 9]), [1, 1, 2], { columns: 1 });
    expect((await decode(png)).pixels).toEqual([0, 255]);
  });

  it('refuses images that are neither grey nor coloured, or not whole', async () => {
    await expect(gridPng(new Float32Array(8), [2, 2, 2], { columns: 1 })).rejects.toThrow(TrainerError);
    await expect(gridPng(new Float32Array(7), [1, 2, 2], { columns: 1 })).rejects.toThrow(
      'wants whole images',
    );
    await expect(gridPng(new Float32Array(0), [1, 2, 2], { columns: 1 })).rejects.toThrow(TrainerError);
  });
});
