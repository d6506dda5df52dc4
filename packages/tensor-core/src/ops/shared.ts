/** What several op families need: constants as nodes, and the way back from a broadcast. */
import { type DType, hostArrayOf } from '../dtype.ts';
import { constantNode, type Node } from '../graph/node.ts';
import { sameShape } from '../shape.ts';
import { reshape } from './movement.ts';
import { sum } from './reduce.ts';

/** A scalar constant. */
export function scalar(value: number, dtype: DType = 'float32'): Node {
  return constantNode(hostArrayOf('scalar', [value], dtype), { shape: [], dtype });
}

/** Sums a gradient over the axes along which `shape` was broadcast. */
export function sumTo(gradient: Node, shape: readonly number[]): Node {
  if (sameShape(gradient.shape, shape)) return gradient;
  const lead = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((d, i) => (i < lead || (shape[i - lead] === 1 && d !== 1) ? [i] : []));
  const summed = axes.length > 0 ? sum(gradient, axes, true) : gradient;
  return sameShape(summed.shape, shape) ? summed : reshape(summed, shape);
}
