/**
 * Bilinear resizing as two products with constant matrices, one for each axis: it is linear and separable, so its
 * gradient is the products with their transposes, on every target.
 */
import { checkDType, FLOATS } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { constantNode, type Node } from '../graph/node.ts';
import { formatShape } from '../shape.ts';
import { cast } from './elementwise.ts';
import { matmul } from './matmul.ts';

export interface ResizeOptions {
  /** The centres of corner pixels stay where they are; without it the edges of the image do. */
  readonly alignCorners?: boolean;
  /** Where the image shrinks, the triangle widens with it, so that every pixel counts. */
  readonly antialias?: boolean;
}

/** Weights of the `from` pixels of a line in each of `to`, [to, from]; every row adds up to 1. As PyTorch computes them. */
function lineWeights(
  from: number,
  to: number,
  { alignCorners = false, antialias = false }: ResizeOptions,
): Float32Array {
  const weights = new Float32Array(to * from);
  const scale = !alignCorners ? from / to : to > 1 ? (from - 1) / (to - 1) : 0;
  for (let i = 0; i < to; i++) {
    const row = weights.subarray(i * from, (i + 1) * from);
    if (antialias) {
      // PyTorch's centre, also with aligned corners, where it lies half a step too far.
      const centre = scale * (i + 0.5);
      const support = Math.max(scale, 1);
      const begin = Math.max(Math.trunc(centre - support + 0.5), 0);
      const end = Math.min(Math.trunc(centre + support + 0.5), from);
      const triangle = (j: number): number => Math.max(0, 1 - Math.abs((j + 0.5 - centre) / support));
      let total = 0;
      for (let j = begin; j < end; j++) total += triangle(j);
      for (let j = begin; j < end; j++) row[j] = triangle(j) / total;
    } else {
      const source = alignCorners ? i * scale : Math.max((i + 0.5) * scale - 0.5, 0);
      const left = Math.min(Math.trunc(source), from - 1);
      const right = Math.min(left + 1, from - 1);
      row[left] = 1 - (source - left);
      row[right]! += source - left;
    }
  }
  return weights;
}

/**
 * [B, C, H, W] resampled to [B, C, H', W'] as torch.nn.functional.interpolate(mode='bilinear') does. Float16 is computed
 * in float32.
 */
export function resizeBilinear(x: Node, size: readonly [number, number], options: ResizeOptions = {}): Node {
  checkDType('resizeBilinear', x.dtype, FLOATS);
  const [, , h = 0, w = 0] = x.shape;
  if (x.shape.length !== 4 || h < 1 || w < 1) {
    throw new ShapeError(
      `resizeBilinear: wants [B, C, H, W] of at least one pixel, got ${formatShape(x.shape)}`,
    );
  }
  if (size.length !== 2 || size.some((extent) => !Number.isInteger(extent) || extent < 1)) {
    throw new ShapeError(
      `resizeBilinear: wants a size [H, W] of whole numbers of at least 1, got ${formatShape(size)}`,
    );
  }
  const [toH, toW] = size;
  const weights = (from: number, to: number): Node =>
    constantNode(lineWeights(from, to, options), { shape: [to, from], dtype: 'float32' });
  const rows = (y: Node): Node => (toH === h ? y : matmul(weights(h, toH), y));
  const columns = (y: Node): Node => (toW === w ? y : matmul(y, weights(w, toW), { transposeB: true }));
  // The axis that shrinks most first: the other product is smaller then.
  const wide = cast(x, 'float32');
  return cast(toW / w < toH / h ? rows(columns(wide)) : columns(rows(wide)), x.dtype);
}
