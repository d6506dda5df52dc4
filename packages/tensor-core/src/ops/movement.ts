/** Ops that move elements without changing them: reshape, transpose, expand, slice, pad, concat, flip. */
import { hostArrayOf } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import {
  broadcastShapes,
  checkShape,
  formatShape,
  normalizeAxes,
  normalizeAxis,
  sameShape,
  sizeOf,
} from '../shape.ts';
import { sumTo } from './shared.ts';

const makeReshape = defineOp<{ shape: readonly number[] }>({
  name: 'reshape',
  infer: ([x], { shape }) => ({ shape, dtype: x!.dtype }),
  gradient: ({ inputs: [x], cotangent }) => [reshape(cotangent, x!.shape)],
});
/** The same elements in row-major order under another shape; one extent may be -1 (what is left). */
export function reshape(x: Node, shape: readonly number[]): Node {
  const unknown = shape.indexOf(-1);
  let target = shape;
  if (unknown >= 0) {
    const known = shape.reduce((product, d, i) => (i === unknown ? product : product * d), 1);
    target = shape.map((d, i) => (i === unknown ? sizeOf(x.shape) / known : d));
  }
  if (sizeOf(target) !== sizeOf(x.shape) || target.some((d) => !Number.isInteger(d) || d < 0)) {
    throw new ShapeError(
      `reshape: ${formatShape(x.shape)} holds ${sizeOf(x.shape)} elements, which do not fill ${formatShape(shape)}`,
    );
  }
  return sameShape(target, x.shape) ? x : makeReshape([x], { shape: target });
}

const makeTranspose = defineOp<{ permutation: readonly number[] }>({
  name: 'transpose',
  infer: ([x], { permutation }) => ({ shape: permutation.map((axis) => x!.shape[axis]!), dtype: x!.dtype }),
  gradient: ({ attrs: { permutation }, cotangent }) => {
    const inverse: number[] = [];
    permutation.forEach((axis, i) => (inverse[axis] = i));
    return [transpose(cotangent, inverse)];
  },
});
/** Output axis i is input axis `permutation[i]`; all axes reversed where none is given. */
export function transpose(x: Node, permutation?: readonly number[]): Node {
  const axes = (permutation ?? x.shape.map((_, i) => x.shape.length - 1 - i)).map((axis) =>
    normalizeAxis('transpose', axis, x.shape.length),
  );
  if (axes.length !== x.shape.length || new Set(axes).size !== axes.length) {
    throw new ShapeError(
      `transpose: ${formatShape(axes)} is no permutation of the ${x.shape.length} axes of ${formatShape(x.shape)}`,
    );
  }
  return axes.every((axis, i) => axis === i) ? x : makeTranspose([x], { permutation: axes });
}

const makeExpand = defineOp<{ shape: readonly number[] }>({
  name: 'expand',
  infer: ([x], { shape }) => ({ shape, dtype: x!.dtype }),
  gradient: ({ inputs: [x], cotangent }) => [sumTo(cotangent, x!.shape)],
});
/** `x` repeated along its axes of extent 1 until it has `shape`. */
export function expand(x: Node, shape: readonly number[]): Node {
  checkShape('expand', shape);
  if (!sameShape(broadcastShapes('expand', x.shape, shape), shape)) {
    throw new ShapeError(`expand: ${formatShape(x.shape)} does not broadcast to ${formatShape(shape)}`);
  }
  return sameShape(x.shape, shape) ? x : makeExpand([x], { shape });
}

const makeSlice = defineOp<{ starts: readonly number[]; ends: readonly number[] }>({
  name: 'slice',
  infer: ([x], { starts, ends }) => ({ shape: starts.map((start, i) => ends[i]! - start), dtype: x!.dtype }),
  gradient: ({ inputs: [x], attrs: { starts, ends }, cotangent }) => [
    pad(
      cotangent,
      starts.map((start, i) => [start, x!.shape[i]! - ends[i]!]),
    ),
  ],
});
/** Elements from `starts` (inclusive) to `ends` (exclusive) of every axis; negative numbers count from the end. */
export function slice(x: Node, starts: readonly number[], ends: readonly number[]): Node {
  const ndim = x.shape.length;
  if (starts.length !== ndim || ends.length !== ndim) {
    throw new ShapeError(
      `slice: wants ${ndim} starts and ends for ${formatShape(x.shape)}, got ${formatShape(starts)} and ${formatShape(ends)}`,
    );
  }
  const from = starts.map((s, i) => (s < 0 ? s + x.shape[i]! : s));
  const to = ends.map((e, i) => (e < 0 ? e + x.shape[i]! : e));
  from.forEach((s, i) => {
    if (!(Number.isInteger(s) && Number.isInteger(to[i]) && 0 <= s && s <= to[i]! && to[i]! <= x.shape[i]!)) {
      throw new ShapeError(
        `slice: ${starts[i]!} to ${ends[i]!} lies outside axis ${i} of ${formatShape(x.shape)}; use 0 to ${x.shape[i]!}`,
      );
    }
  });
  return from.every((s, i) => s === 0 && to[i] === x.shape[i])
    ? x
    : makeSlice([x], { starts: from, ends: to });
}

const makePad = defineOp<{ pairs: readonly (readonly number[])[]; value: number }>({
  name: 'pad',
  infer: ([x], { pairs }) => ({
    shape: x!.shape.map((d, i) => d + pairs[i]![0]! + pairs[i]![1]!),
    dtype: x!.dtype,
  }),
  gradient: ({ inputs: [x], attrs: { pairs }, cotangent }) => [
    slice(
      cotangent,
      pairs.map(([before]) => before!),
      pairs.map(([before], i) => before! + x!.shape[i]!),
    ),
  ],
});
/** `pairs[i]` = [before, after] elements of `value` around axis i. */
export function pad(x: Node, pairs: readonly (readonly number[])[], value = 0): Node {
  if (
    pairs.length !== x.shape.length ||
    pairs.some((p) => p.length !== 2 || p.some((n) => !Number.isInteger(n) || n < 0))
  ) {
    throw new ShapeError(
      `pad: wants ${x.shape.length} pairs of whole numbers of at least 0 for ${formatShape(x.shape)}, got ${JSON.stringify(pairs)}`,
    );
  }
  hostArrayOf('pad', [value], x.dtype); // throws where the dtype cannot hold the value
  return pairs.every(([before, after]) => before === 0 && after === 0) ? x : makePad([x], { pairs, value });
}

const makeConcat = defineOp<{ axis: number }>({
  name: 'concat',
  infer: (inputs, { axis }) => {
    const first = inputs[0]!;
    for (const other of inputs) {
      if (other.dtype !== first.dtype) {
        throw new DTypeError(`concat: dtypes ${first.dtype} and ${other.dtype} differ; cast one of them`);
      }
      if (
        other.shape.length !== first.shape.length ||
        other.shape.some((d, i) => i !== axis && d !== first.shape[i])
      ) {
        throw new ShapeError(
          `concat: shapes ${formatShape(first.shape)} and ${formatShape(other.shape)} differ outside axis ${axis}`,
        );
      }
    }
    const extent = inputs.reduce((total, input) => total + input.shape[axis]!, 0);
    return { shape: first.shape.map((d, i) => (i === axis ? extent : d)), dtype: first.dtype };
  },
  gradient: ({ inputs, attrs: { axis }, cotangent, needs }) => {
    let offset = 0;
    return inputs.map((input, k) => {
      const start = offset;
      offset += input.shape[axis]!;
      if (!needs[k]) return undefined;
      return slice(
        cotangent,
        cotangent.shape.map((_, i) => (i === axis ? start : 0)),
        cotangent.shape.map((d, i) => (i === axis ? start + input.shape[axis]! : d)),
      );
    });
  },
});
/** Tensors joined along `axis`; all other extents are equal. */
export function concat(inputs: readonly Node[], axis: number): Node {
  const first = inputs[0];
  if (!first) throw new ShapeError('concat: wants at least one tensor, got none');
  const normalized = normalizeAxis('concat', axis, first.shape.length);
  return inputs.length === 1 ? first : makeConcat(inputs, { axis: normalized });
}

const makeFlip = defineOp<{ axes: readonly number[] }>({
  name: 'flip',
  infer: ([x]) => x!,
  gradient: ({ attrs: { axes }, cotangent }) => [flip(cotangent, axes)],
});
/** The elements of `axes` in reverse order. */
export function flip(x: Node, axes: readonly number[]): Node {
  const list = normalizeAxes('flip', axes, x.shape.length);
  return list.length === 0 ? x : makeFlip([x], { axes: list });
}
