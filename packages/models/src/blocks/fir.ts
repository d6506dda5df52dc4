/**
 * Halving and doubling an image with a finite impulse response (Karras et al. 2020, "Analyzing and improving the image
 * quality of StyleGAN"; Zhang 2019, "Making convolutional networks shift-invariant again"): a small filter along each
 * axis, such as [1, 3, 3, 1], before every second pixel is kept, or after zeros are put between pixels.
 *
 * The filter is the same for all channels, so that an axis is a product with one banded matrix, and its gradient the
 * product with the transpose. Every target is good at products; at depthwise convolutions, whose sums are short, not.
 */
import { avgPool2d, tensor, type Tensor, upsampleNearest2d } from '@immiscible/tensor-core';

/** How many pixels of the coarser image there are to one of the finer, along an axis. */
const FACTOR = 2;

/** The matrix [outputs, inputs] whose row i has the filter from column 2i − padding on. */
function band(
  filter: readonly number[],
  outputs: number,
  inputs: number,
  padding: number,
  total: number,
): Tensor {
  const sum = filter.reduce((a, b) => a + b, 0);
  const values = new Float32Array(outputs * inputs);
  for (let i = 0; i < outputs; i++) {
    filter.forEach((tap, t) => {
      const j = FACTOR * i - padding + t;
      if (j >= 0 && j < inputs) values[i * inputs + j] = (tap / sum) * total;
    });
  }
  return tensor(values, [outputs, inputs]);
}

/** x [B, C, H, W] → [B, C, H', W'], with `along` applied to its rows [B · C · H, W], then to its columns [B · C, H, W']. */
function alongBoth(x: Tensor, along: (x: Tensor, extent: number, vertical: boolean) => Tensor): Tensor {
  const [batch, channels, height, width] = x.shape as [number, number, number, number];
  const rows = along(x.reshape([batch * channels * height, width]), width, false);
  const wide = rows.reshape([batch * channels, height, rows.shape[1]!]);
  const both = along(wide, height, true);
  return both.reshape([batch, channels, both.shape[1]!, both.shape[2]!]);
}

function isBox(filter: readonly number[]): boolean {
  return filter.length === FACTOR && filter[0] === filter[1];
}

/**
 * Every second pixel of the filtered image.
 *
 * @param filter an even number of taps; they are scaled to a sum of 1
 * @param padding zeros on each side: as many as keep the middle in place where omitted; 0 where x is wider already
 * @returns [B, C, H/2, W/2], H and W counted with padding and less the filter's reach
 */
export function halve(
  x: Tensor, // [B, C, H, W]
  filter: readonly number[],
  padding: number = filter.length / 2 - 1,
): Tensor {
  if (isBox(filter)) return avgPool2d(x, { kernel: FACTOR });
  return alongBoth(x, (y, extent, vertical) => {
    const outputs = Math.floor((extent + 2 * padding - filter.length) / FACTOR) + 1;
    const matrix = band(filter, outputs, extent, padding, 1).cast(x.dtype);
    return vertical ? matrix.matmul(y) : y.matmul(matrix, { transposeB: true });
  });
}

/**
 * The image with zeros between its pixels, filtered, brighter by the four that one pixel became: the adjoint of `halve`,
 * four times.
 *
 * @param filter an even number of taps; they are scaled to a sum of 1
 * @returns [B, C, 2H, 2W]
 */
export function double(
  x: Tensor, // [B, C, H, W]
  filter: readonly number[],
): Tensor {
  if (isBox(filter)) return upsampleNearest2d(x, FACTOR);
  return alongBoth(x, (y, extent, vertical) => {
    const matrix = band(filter, extent, extent * FACTOR, filter.length / 2 - 1, FACTOR).cast(x.dtype);
    return vertical ? matrix.matmul(y, { transposeA: true }) : y.matmul(matrix);
  });
}
