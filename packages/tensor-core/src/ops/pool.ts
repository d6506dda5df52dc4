/** Average pooling and nearest-neighbour upsampling: each other's adjoints up to a factor where windows do not overlap. */
import { checkDType, FLOATS } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { formatShape } from '../shape.ts';
import { conv2d } from './conv2d.ts';
import { mul } from './elementwise.ts';
import { expand, reshape } from './movement.ts';
import { scalar } from './shared.ts';

function check4d(op: string, x: Node): void {
  if (x.shape.length !== 4) throw new ShapeError(`${op}: wants [N, C, H, W], got ${formatShape(x.shape)}`);
}

const makeAvgPool = defineOp<{ kernel: number }>({
  name: 'avgPool2d',
  infer: ([x], { kernel }) => {
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    checkDType('avgPool2d', x!.dtype, FLOATS);
    return { shape: [n, c, h / kernel, w / kernel], dtype: x!.dtype };
  },
  gradient: ({ attrs: { kernel }, cotangent }) => [
    mul(upsampleNearest2d(cotangent, kernel), scalar(1 / kernel ** 2, cotangent.dtype)),
  ],
});

/**
 * Means over `kernel` × `kernel` windows of [N, C, H, W].
 *
 * @param options.stride defaults to the kernel. Windows that tile the input exactly are one op; others (overlap,
 * padding, a remainder) become a depthwise convolution. Padding counts as zeros, as PyTorch's default.
 */
export function avgPool2d(x: Node, options: { kernel: number; stride?: number; padding?: number }): Node {
  check4d('avgPool2d', x);
  const { kernel, stride = kernel, padding = 0 } = options;
  const [, c, h, w] = x.shape as [number, number, number, number];
  const whole =
    [kernel, stride, padding].every(Number.isInteger) && kernel >= 1 && stride >= 1 && padding >= 0;
  if (!whole || Math.min(h, w) + 2 * padding < kernel) {
    throw new ShapeError(
      `avgPool2d: wants a kernel of 1 to ${Math.min(h, w) + 2 * padding} for ${formatShape(x.shape)}, a stride of at least 1 and padding of at least 0, got ${JSON.stringify({ kernel, stride, padding })}`,
    );
  }
  if (stride === kernel && padding === 0 && h % kernel === 0 && w % kernel === 0)
    return makeAvgPool([x], { kernel });
  const weight = expand(reshape(scalar(1 / kernel ** 2, x.dtype), [1, 1, 1, 1]), [c, 1, kernel, kernel]);
  return conv2d(x, weight, undefined, { stride, padding, groups: c });
}

const makeUpsample = defineOp<{ scale: number }>({
  name: 'upsampleNearest2d',
  infer: ([x], { scale }) => {
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    return { shape: [n, c, h * scale, w * scale], dtype: x!.dtype };
  },
  gradient: ({ attrs: { scale }, cotangent }) => [
    mul(avgPool2d(cotangent, { kernel: scale }), scalar(scale ** 2, cotangent.dtype)),
  ],
});

/** Every element of [N, C, H, W] repeated `scale` × `scale` times → [N, C, scale·H, scale·W]. */
export function upsampleNearest2d(x: Node, scale: number): Node {
  check4d('upsampleNearest2d', x);
  if (!Number.isInteger(scale) || scale < 1) {
    throw new ShapeError(`upsampleNearest2d: wants a whole scale of at least 1, got ${scale}`);
  }
  return scale === 1 ? x : makeUpsample([x], { scale });
}
