/** Rows picked by index, and their adjoint: rows added by index. */
import { DTypeError, ShapeError } from '../errors.ts';
import { type Attrs, defineOp, type Node } from '../graph/node.ts';
import { formatShape, normalizeAxis } from '../shape.ts';
import { transpose } from './movement.ts';

type Make<A extends Attrs> = (inputs: readonly Node[], attrs: A) => Node;

const makeGather: Make<Attrs> = defineOp({
  name: 'gather',
  infer: ([x, indices]) => {
    if (indices!.dtype !== 'int32')
      throw new DTypeError(`gather: indices must be int32, got ${indices!.dtype}`);
    if (x!.shape.length < 1)
      throw new ShapeError('gather: wants at least one axis to pick from, got a scalar');
    return { shape: [...indices!.shape, ...x!.shape.slice(1)], dtype: x!.dtype };
  },
  gradient: ({ inputs: [x, indices], cotangent }) => [
    makeScatterAdd([indices!, cotangent], { extent: x!.shape[0]! }),
    undefined,
  ],
});

const makeScatterAdd: Make<{ extent: number }> = defineOp({
  name: 'scatterAdd',
  infer: ([indices, updates], { extent }) => ({
    shape: [extent, ...updates!.shape.slice(indices!.shape.length)],
    dtype: updates!.dtype,
  }),
  gradient: ({ inputs: [indices], cotangent }) => [undefined, makeGather([cotangent, indices!], {})],
});

/** Slices of `x` along `axis` at `indices` (int32, each in [0, extent)); the axis is replaced by the indices' axes. */
export function gather(x: Node, indices: Node, axis = 0): Node {
  const at = normalizeAxis('gather', axis, x.shape.length);
  if (at === 0) return makeGather([x, indices], {});
  const order = [at, ...x.shape.map((_, i) => i).filter((i) => i !== at)];
  const picked = makeGather([transpose(x, order), indices], {});
  const k = indices.shape.length;
  const back = picked.shape.map((_, i) => (i < at ? k + i : i < at + k ? i - at : i));
  return transpose(picked, back);
}

/** Rows of `weight` [V, D] at `indices` [...] → [..., D]. */
export function embedding(weight: Node, indices: Node): Node {
  if (weight.shape.length !== 2) {
    throw new ShapeError(`embedding: wants a table [V, D], got ${formatShape(weight.shape)}`);
  }
  return makeGather([weight, indices], {});
}
