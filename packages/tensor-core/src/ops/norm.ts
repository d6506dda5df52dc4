/**
 * Group normalisation (Wu & He 2018) with its two hard gradients as ops of their own, and layer normalisation.
 *
 * With x̂ = (x − μ) / √(σ² + ε) over each of the N·G groups: y = x̂ · weight + bias. Everything that the gradients
 * need of the cotangent are its sums per sample and channel, which a target computes once for both.
 */
import { checkDType, FLOATS } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { formatShape, sameShape, sizeOf } from '../shape.ts';
import { add, div, mul, sqrt, square, sub } from './elementwise.ts';
import { reshape } from './movement.ts';
import { mean, sum } from './reduce.ts';
import { scalar } from './shared.ts';

export type GroupNormAttrs = { groups: number; eps: number };

/** x [N, C, ...] as [N, G, C/G · rest]. */
function grouped(x: Node, groups: number): Node {
  return reshape(x, [x.shape[0]!, groups, sizeOf(x.shape.slice(1)) / groups]);
}

/** [C] as [1, C, 1, ...]. */
function perChannel(w: Node, ndim: number): Node {
  return reshape(w, [1, w.shape[0]!, ...Array.from({ length: ndim - 2 }, () => 1)]);
}

/** x̂, and 1 / √(σ² + ε) per group [N, G, 1]. */
function normalized(x: Node, { groups, eps }: GroupNormAttrs): { xHat: Node; inverse: Node } {
  const flat = grouped(x, groups);
  const centred = sub(flat, mean(flat, 2, true));
  const deviation = sqrt(add(mean(square(centred), 2, true), scalar(eps, x.dtype)));
  const inverse = div(scalar(1, x.dtype), deviation);
  return { xHat: mul(centred, inverse), inverse };
}

const makeGroupNorm = defineOp<GroupNormAttrs>({
  name: 'groupNorm',
  infer: ([x, w, b], { groups }) => {
    const c = x!.shape[1] ?? 0;
    const divides = x!.shape.length >= 2 && Number.isInteger(groups) && groups >= 1 && c % groups === 0;
    if (!divides || !sameShape(w!.shape, [c]) || !sameShape(b!.shape, [c])) {
      throw new ShapeError(
        `groupNorm: wants x [N, C, ...] with C a multiple of the ${groups} groups, weight and bias [C], got ${formatShape(x!.shape)}, ${formatShape(w!.shape)}, ${formatShape(b!.shape)}`,
      );
    }
    if (x!.dtype !== w!.dtype || x!.dtype !== b!.dtype) {
      throw new DTypeError(
        `groupNorm: x is ${x!.dtype}, weight ${w!.dtype}, bias ${b!.dtype}; cast them to one dtype`,
      );
    }
    checkDType('groupNorm', x!.dtype, FLOATS);
    return x!;
  },
  gradient: ({ inputs: [x, w, b], attrs, cotangent: g, needs }) => [
    needs[0] ? makeInputGradient([x!, w!, g], attrs) : undefined,
    needs[1] ? makeWeightGradient([x!, g], attrs) : undefined,
    needs[2] ? reshape(sum(g, allButChannel(g)), b!.shape) : undefined,
  ],
  decompose: ([x, w, b], attrs) =>
    add(
      mul(reshape(normalized(x!, attrs).xHat, x!.shape), perChannel(w!, x!.shape.length)),
      perChannel(b!, x!.shape.length),
    ),
});

function allButChannel(x: Node): number[] {
  return x.shape.map((_, i) => i).filter((i) => i !== 1);
}

/** Inputs x, weight, dLoss/dy → dLoss/dx = (1/σ) · (h − mean(h) − x̂ · mean(h · x̂)) with h = dLoss/dy · weight. */
const makeInputGradient = defineOp<GroupNormAttrs>({
  name: 'groupNormInputGradient',
  infer: ([x]) => x!,
  decompose: ([x, w, g], attrs) => {
    const { xHat, inverse } = normalized(x!, attrs);
    const h = grouped(mul(g!, perChannel(w!, x!.shape.length)), attrs.groups);
    const inner = sub(sub(h, mean(h, 2, true)), mul(xHat, mean(mul(h, xHat), 2, true)));
    return reshape(mul(inner, inverse), x!.shape);
  },
});

/** Inputs x, dLoss/dy → dLoss/dweight [C] = Σ dLoss/dy · x̂. */
const makeWeightGradient = defineOp<GroupNormAttrs>({
  name: 'groupNormWeightGradient',
  infer: ([x]) => ({ shape: [x!.shape[1]!], dtype: x!.dtype }),
  decompose: ([x, g], attrs) => {
    const product = mul(g!, reshape(normalized(x!, attrs).xHat, x!.shape));
    return sum(product, allButChannel(product));
  },
});

/** Normalises `x` [N, C, ...] over each of `groups` groups of channels; `weight` and `bias` are [C]. */
export function groupNorm(x: Node, weight: Node, bias: Node, options: { groups: number; eps: number }): Node {
  return makeGroupNorm([x, weight, bias], { groups: options.groups, eps: options.eps });
}

/** Normalises the last axis of `x`; `weight` and `bias` have its extent. */
export function layerNorm(x: Node, weight: Node, bias: Node, options: { eps: number }): Node {
  const last = x.shape.slice(-1);
  if (last.length === 0 || !sameShape(weight.shape, last) || !sameShape(bias.shape, last)) {
    throw new ShapeError(
      `layerNorm: wants x [..., D], weight and bias [D], got ${formatShape(x.shape)}, ${formatShape(weight.shape)}, ${formatShape(bias.shape)}`,
    );
  }
  const centred = sub(x, mean(x, -1, true));
  const deviation = sqrt(add(mean(square(centred), -1, true), scalar(options.eps, x.dtype)));
  return add(mul(div(centred, deviation), weight), bias);
}
