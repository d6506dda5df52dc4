/** Softmax and its logarithm. */
import { checkDType, FLOATS } from '../dtype.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { normalizeAxis } from '../shape.ts';
import { exp, log, mul, sub } from './elementwise.ts';
import { max, sum } from './reduce.ts';

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
