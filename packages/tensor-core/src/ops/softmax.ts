/** Softmax, its logarithm, and attention on top of it. */
import { checkDType, FLOATS } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { formatShape, normalizeAxis } from '../shape.ts';
import { exp, log, mul, sub } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { max, sum } from './reduce.ts';
import { scalar } from './shared.ts';

const makeSoftmax = defineOp<{ axis: number }>({
  name: 'softmax',
  infer: ([x]) => {
    checkDType('softmax', x!.dtype, FLOATS);
    return x!;
  },
  gradient: ({ output: y, attrs: { axis }, cotangent: g }) => [mul(y, sub(g, sum(mul(g, y), axis, true)))],
});
/** exp(x) / Σ exp(x) along `axis`. */
export function softmax(x: Node, axis = -1): Node {
  return makeSoftmax([x], { axis: normalizeAxis('softmax', axis, x.shape.length) });
}

const makeLogSoftmax = defineOp<{ axis: number }>({
  name: 'logSoftmax',
  infer: ([x]) => {
    checkDType('logSoftmax', x!.dtype, FLOATS);
    return x!;
  },
  gradient: ({ output: y, attrs: { axis }, cotangent: g }) => [sub(g, mul(exp(y), sum(g, axis, true)))],
  decompose: ([x], { axis }) => {
    const shifted = sub(x!, max(x!, axis, true));
    return sub(shifted, log(sum(exp(shifted), axis, true)));
  },
});
/** x − log Σ exp(x) along `axis`. */
export function logSoftmax(x: Node, axis = -1): Node {
  return makeLogSoftmax([x], { axis: normalizeAxis('logSoftmax', axis, x.shape.length) });
}

/**
 * softmax(q kᵀ / √d) v over [..., L, d] (Vaswani et al. 2017, eq. 1).
 *
 * @param scale replaces 1 / √d
 */
export function scaledDotProductAttention(q: Node, k: Node, v: Node, scale?: number): Node {
  if (q.shape.length < 2 || q.shape.at(-1) !== k.shape.at(-1) || k.shape.at(-2) !== v.shape.at(-2)) {
    throw new ShapeError(
      `scaledDotProductAttention: wants q [..., L, d], k [..., S, d], v [..., S, e], got ${formatShape(q.shape)}, ${formatShape(k.shape)}, ${formatShape(v.shape)}`,
    );
  }
  const factor = scale ?? 1 / Math.sqrt(q.shape.at(-1)!);
  const scores = matmul(mul(q, scalar(factor, q.dtype)), k, { transposeB: true });
  return matmul(softmax(scores, -1), v);
}
