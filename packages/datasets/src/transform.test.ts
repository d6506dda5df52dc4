import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  centreCrop,
  cut,
  flipHorizontal,
  type ImageStack,
  meanPool,
  toGrey,
  toRgb,
  zeroPad,
} from './index.ts';

/** Stacks of one to three images of any small shape. */
const stacks = fc
  .record({
    count: fc.integer({ min: 1, max: 3 }),
    channels: fc.constantFrom(1, 3),
    height: fc.integer({ min: 1, max: 7 }),
    width: fc.integer({ min: 1, max: 7 }),
    seed: fc.nat(1000),
  })
  .map(({ count, channels, height, width, seed }): ImageStack => {
    const length = count * channels * height * width;
    return { images: Uint8Array.from({ length }, (_, i) => (seed + i * 73) & 255), channels, height, width };
  });

const plane = (width: number, ...images: number[]): ImageStack => ({
  images: Uint8Array.from(images),
  channels: 1,
  height: images.length / width,
  width,
});

describe('zeroPad', () => {
  it('puts the extra pixel right and below', () => {
    expect(zeroPad(plane(2, 1, 2, 3, 4), 3)).toEqual(plane(3, 1, 2, 0, 3, 4, 0, 0, 0, 0));
  });

  it('is undone by cutting the middle out', () => {
    fc.assert(
      fc.property(stacks, fc.nat(4), (stack, extra) => {
        const { height, width } = stack;
        const size = Math.max(height, width) + extra;
        const part = { left: (size - width) >> 1, top: (size - height) >> 1, width, height };
        expect(cut(zeroPad(stack, size), part)).toEqual(stack);
      }),
    );
  });

  it('refuses a square that is too small', () => {
    expect(() => zeroPad(plane(2, 1, 2, 3, 4), 1)).toThrow('zeroPad: wanted a size of at least 2, got 1');
  });
});

describe('meanPool', () => {
  it('rounds halves up', () => {
    expect(meanPool(plane(4, 0, 1, 255, 255, 0, 1, 255, 254), 2)).toEqual(plane(2, 1, 255));
  });

  it('is the rounded mean of every block, each plane by itself', () => {
    fc.assert(
      fc.property(stacks, fc.integer({ min: 1, max: 3 }), (small, factor) => {
        const height = small.height * factor;
        const width = small.width * factor;
        const length = small.images.length * factor * factor;
        const images = Uint8Array.from({ length }, (_, i) => (i * i * 31 + i) & 255);
        const pooled = meanPool({ images, channels: small.channels, height, width }, factor);
        pooled.images.forEach((value, at) => {
          const x = at % small.width;
          const row = Math.floor(at / small.width);
          let sum = 0;
          for (let dy = 0; dy < factor; dy++) {
            for (let dx = 0; dx < factor; dx++)
              sum += images[(row * factor + dy) * width + x * factor + dx] ?? NaN;
          }
          expect(value).toBe(Math.floor(sum / factor ** 2 + 0.5));
        });
      }),
    );
  });

  it('refuses a factor that does not divide', () => {
    expect(() => meanPool(plane(3, 1, 2, 3), 2)).toThrow(/a factor that divides 1 and 3, got 2/);
    expect(() => meanPool(plane(3, 1, 2, 3, 4, 5, 6, 7, 8, 9), 1.5)).toThrow(/got 1.5/);
  });
});

describe('centreCrop', () => {
  it('keeps the middle', () => {
    expect(centreCrop(plane(3, 1, 2, 3, 4, 5, 6, 7, 8, 9), 1)).toEqual(plane(1, 5));
  });

  it('refuses what is larger than the image', () => {
    expect(() => centreCrop(plane(2, 1, 2, 3, 4), 3)).toThrow(/a rectangle within 2×2, got 3×3/);
  });
});

describe('flipHorizontal', () => {
  it('reverses rows, and is its own inverse', () => {
    expect(flipHorizontal(plane(3, 1, 2, 3, 4, 5, 6))).toEqual(plane(3, 3, 2, 1, 6, 5, 4));
    fc.assert(
      fc.property(stacks, (stack) => {
        expect(flipHorizontal(flipHorizontal(stack))).toEqual(stack);
      }),
    );
  });
});

describe('colour', () => {
  it('gives the greys of Pillow', () => {
    // Pillow 13.0: Image.new('RGB', (1, 1), c).convert('L')
    const pillow: [number, number, number, number][] = [
      [255, 0, 0, 76],
      [0, 255, 0, 150],
      [0, 0, 255, 29],
      [12, 200, 99, 132],
      [255, 255, 255, 255],
      [1, 2, 3, 2],
    ];
    for (const [r, g, b, grey] of pillow) {
      const rgb = { images: Uint8Array.of(r, g, b), channels: 3, height: 1, width: 1 };
      expect(toGrey(rgb).images[0]).toBe(grey);
    }
  });

  it('brings every grey back from RGB', () => {
    const greys = plane(16, ...Array.from({ length: 256 }, (_, i) => i));
    expect(toRgb(greys).images.length).toBe(768);
    expect(toGrey(toRgb(greys))).toEqual(greys);
  });

  it('refuses the wrong number of channels, and bytes that are no whole images', () => {
    expect(() => toGrey(plane(1, 1))).toThrow('toGrey: wanted 3 channels, got 1');
    const odd = { images: new Uint8Array(5), channels: 1, height: 2, width: 2 };
    expect(() => toRgb(odd)).toThrow(/whole images of 1×2×2 elements, got 5 elements/);
  });
});
