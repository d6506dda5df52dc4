import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { TrainerError } from './errors.ts';
import { pointsPng } from './points-picture.ts';

async function rows(points: readonly number[], side: number): Promise<number[][]> {
  const png = await pointsPng(Float32Array.from(points), side);
  const { data, info } = await sharp(png).toColourspace('b-w').raw().toBuffer({ resolveWithObject: true });
  expect([info.width, info.height, info.channels]).toEqual([side, side, 1]);
  return Array.from({ length: side }, (_, y) => [...data.subarray(y * side, (y + 1) * side)]);
}

describe('pointsPng', () => {
  it('shows x to the right and y upwards, and leaves out what is beyond', async () => {
    const W = 255;
    expect(await rows([0.8, 0.8, -0.8, 0, 5, 0, 0, -1.3], 5)).toEqual([
      [W, W, W, W, 145],
      [W, W, W, W, W],
      [145, W, W, W, W],
      [W, W, W, W, W],
      [W, W, W, W, W],
    ]);
  });

  it('is darker where there are more points, down to black', async () => {
    const middle = async (count: number): Promise<number> =>
      (await rows(new Array<number>(2 * count).fill(0), 3))[1]![1]!;
    expect(await Promise.all([0, 1, 2, 3, 9].map(middle))).toEqual([255, 145, 35, 0, 0]);
  });

  it('draws a larger picture with larger points', async () => {
    const picture = await rows([0, 0], 601);
    const dark = picture.flat().filter((value) => value < 255);
    expect(dark).toHaveLength(25);
  });

  it('refuses half a point', async () => {
    await expect(pointsPng(new Float32Array(3))).rejects.toThrow(TrainerError);
  });
});
