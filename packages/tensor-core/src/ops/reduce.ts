/** Reductions over axes: sum, mean, max. */
import { checkDType, FLOATS, NUMBERS, SIGNED } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { formatShape, normalizeAxes, reducedShape, sizeOf } from '../shape.ts';
import { cast, div, equal, mul } from './elementwise.ts';
import { expand, reshape } from './movement.ts';
import { scalar } from './shared.ts';

type ReduceAttrs = { axes: readonly number[]; keepDims: boolean };

const makeSum = defineOp<ReduceAttrs>({
  name: 'sum',
  infer: ([x], { axes, keepDims }) => {
    checkDType('sum', x!.dtype, SIGNED);
    return { shape: reducedShape(x!.shape, axes, keepDims), dtype: x!.dtype };
  },
  gradient: ({ inputs: [x], attrs: { axes }, cotangent }) => [
    expand(reshape(cotangent, reducedShape(x!.shape, axes, true)), x!.shape),
  ],
});
/** Sum over `axes` (all of them where none is given). */
export function sum(x: Node, axes?: number | readonly number[], keepDims = false): Node {
  const list = normalizeAxes('sum', axes, x.shape.length);
  return list.length === 0 ? x : makeSum([x], { axes: list, keepDims });
}

/** Mean over `axes` (all of them where none is given). */
export function mean(x: Node, axes?: number | readonly number[], keepDims = false): Node {
  checkDType('mean', x.dtype, FLOATS);
  const list = normalizeAxes('mean', axes, x.shape.length);
  const count = sizeOf(list.map((axis) => x.shape[axis]!));
  return mul(sum(x, list, keepDims), scalar(1 / count, x.dtype));
}

const makeMax = defineOp<ReduceAttrs>({
  name: 'max',
  infer: ([x], { axes, keepDims }) => {
    checkDType('max', x!.dtype, NUMBERS);
    if (axes.some((axis) => x!.shape[axis] === 0)) {
      throw new ShapeError(
        `max: ${formatShape(x!.shape)} has no elements along ${formatShape(axes)}, so none is largest`,
      );
    }
    return { shape: reducedShape(x!.shape, axes, keepDims), dtype: x!.dtype };
  },
  gradient: ({ inputs: [x], output, attrs: { axes }, cotangent }) => {
    const kept = reducedShape(x!.shape, axes, true);
    const chosen = cast(equal(x!, reshape(output, kept)), x!.dtype);
    return [mul(chosen, div(reshape(cotangent, kept), sum(chosen, axes, true)))];
  },
});
/** Largest element over `axes`; equal largest elements share the gradient evenly, as PyTorch's `amax`. */
export function max(x: Node, axes?: number | readonly number[], keepDims = false): Node {
  const list = normalizeAxes('max', axes, x.shape.length);
  return list.length === 0 ? x : makeMax([x], { axes: list, keepDims });
}
