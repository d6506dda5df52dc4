/** Maximum pooling. Where several elements of a window are largest, the first has the gradient, as in PyTorch. */
import { checkDType, FLOATS } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { formatShape } from '../shape.ts';
import { add, cast, equal, maximum, mul, sub } from './elementwise.ts';
import { concat, pad, reshape, slice } from './movement.ts';
import { scalar } from './shared.ts';

export type PoolAttrs = { kernel: number; stride: number; padding: number };

/** [H', W'] of [H, W]. */
function pooledSize(shape: readonly number[], { kernel, stride, padding }: PoolAttrs): [number, number] {
  const [h, w] = shape.slice(-2).map((d) => Math.floor((d + 2 * padding - kernel) / stride) + 1);
  return [h!, w!];
}

/**
 * Where the element at (row, column) of every window lies: the elements of all windows at that place, and the way
 * back. `x` is padded so that every window's steps are whole.
 */
function windowPlaces(
  { shape }: Node,
  attrs: PoolAttrs,
): { pick: (x: Node) => Node; put: (y: Node) => Node }[] {
  const { kernel, stride, padding } = attrs;
  const [n, c, h, w] = shape as [number, number, number, number];
  const [outH, outW] = pooledSize(shape, attrs);
  const span = (out: number): number => kernel - 1 + out * stride;
  const after = (extent: number, out: number): number => Math.max(0, span(out) - padding - extent);
  const pairs = [[0, 0], [0, 0], [padding, after(h, outH)], [padding, after(w, outW)]]; // prettier-ignore
  const padded = [h + padding + after(h, outH), w + padding + after(w, outW)] as const;
  const places = Array.from({ length: kernel ** 2 }, (_, k) => [Math.floor(k / kernel), k % kernel] as const);
  return places.map(([i, j]) => ({
    pick: (x) => {
      const steps = slice(
        pad(x, pairs, -Infinity),
        [0, 0, i, j],
        [n, c, i + outH * stride, j + outW * stride],
      );
      const split = reshape(steps, [n, c, outH, stride, outW, stride]);
      return reshape(slice(split, [0, 0, 0, 0, 0, 0], [n, c, outH, 1, outW, 1]), [n, c, outH, outW]);
    },
    put: (y) => {
      const alone = reshape(y, [n, c, outH, 1, outW, 1]);
      const split = pad(alone, [[0, 0], [0, 0], [0, 0], [0, stride - 1], [0, 0], [0, stride - 1]]); // prettier-ignore
      const steps = reshape(split, [n, c, outH * stride, outW * stride]);
      const whole = pad(steps, [[0, 0], [0, 0], [i, padded[0] - i - outH * stride], [j, padded[1] - j - outW * stride]]); // prettier-ignore
      return slice(whole, [0, 0, padding, padding], [n, c, padding + h, padding + w]);
    },
  }));
}

/** True where windows lie side by side and fill the image. */
function isTiling(shape: readonly number[], { kernel, stride, padding }: PoolAttrs): boolean {
  return stride === kernel && padding === 0 && shape.slice(-2).every((d) => d % kernel === 0);
}

/** The cotangent at the first largest element of its window, 0 elsewhere; where windows overlap, the sum. */
function spread(x: Node, y: Node, cotangent: Node, attrs: PoolAttrs): Node {
  const places = windowPlaces(x, attrs);
  let open = scalar(1, x.dtype);
  const parts = places.map(({ pick }) => {
    const hit = mul(open, cast(equal(pick(x), y), x.dtype));
    open = sub(open, hit);
    return mul(hit, cotangent);
  });
  if (!isTiling(x.shape, attrs)) return parts.map((part, k) => places[k]!.put(part)).reduce(add);
  const { kernel } = attrs;
  const [n, c, h, w] = y.shape as [number, number, number, number];
  const rows = Array.from({ length: kernel }, (_, i) => {
    const row = parts.slice(i * kernel, (i + 1) * kernel).map((part) => reshape(part, [n, c, h, 1, w, 1]));
    return concat(row, 5);
  });
  return reshape(concat(rows, 3), x.shape);
}

/** `spread` where windows tile the image: inputs x, y and the cotangent. */
const makeSpread = defineOp<PoolAttrs>({
  name: 'maxPool2dGradient',
  infer: ([x]) => x!,
  decompose: ([x, y, cotangent], attrs) => spread(x!, y!, cotangent!, attrs),
});

const makeMaxPool = defineOp<PoolAttrs>({
  name: 'maxPool2d',
  infer: ([x], attrs) => ({
    shape: [...x!.shape.slice(0, 2), ...pooledSize(x!.shape, attrs)],
    dtype: x!.dtype,
  }),
  gradient: ({ inputs: [x], output, attrs, cotangent }) => [
    isTiling(x!.shape, attrs)
      ? makeSpread([x!, output, cotangent], attrs)
      : spread(x!, output, cotangent, attrs),
  ],
  decompose: ([x], attrs) =>
    windowPlaces(x!, attrs)
      .map(({ pick }) => pick(x!))
      .reduce(maximum),
});

/** The ops above, for targets that have no kernels of their own for them. */
export const poolOps: readonly string[] = ['maxPool2d', 'maxPool2dGradient'];

/**
 * Largest elements of `kernel` × `kernel` windows of [N, C, H, W].
 *
 * @param options.stride defaults to the kernel
 * @param options.padding on all four sides, at most half the kernel; counts as −∞
 */
export function maxPool2d(x: Node, options: { kernel: number; stride?: number; padding?: number }): Node {
  checkDType('maxPool2d', x.dtype, FLOATS);
  if (x.shape.length !== 4)
    throw new ShapeError(`maxPool2d: wants [N, C, H, W], got ${formatShape(x.shape)}`);
  const { kernel, stride = kernel, padding = 0 } = options;
  const largest = Math.min(x.shape[2]!, x.shape[3]!) + 2 * padding;
  const whole =
    [kernel, stride, padding].every(Number.isInteger) && kernel >= 1 && stride >= 1 && padding >= 0;
  if (!whole || padding > kernel / 2 || largest < kernel) {
    throw new ShapeError(
      `maxPool2d: wants a kernel of 1 to ${largest} for ${formatShape(x.shape)}, a stride of at least 1 and padding of 0 to half the kernel, got ${JSON.stringify({ kernel, stride, padding })}`,
    );
  }
  return makeMaxPool([x], { kernel, stride, padding });
}
