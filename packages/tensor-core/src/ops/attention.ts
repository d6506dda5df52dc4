/**
 * Attention (Vaswani et al. 2017, eq. 1) as an op, with its gradients as ops of their own: a target that never writes
 * the matrix of scores down recomputes it from the logarithm of each row's sum (Dao et al. 2022). Any other takes all of
 * them apart.
 */
import { checkDType, FLOATS } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { formatShape, sameShape, sizeOf } from '../shape.ts';
import { add, cast, exp, log, mul, stopGradient, sub } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { reshape } from './movement.ts';
import { max, sum } from './reduce.ts';
import { scalar } from './shared.ts';
import { softmax } from './softmax.ts';

export type AttentionAttrs = { scale: number };

/** scale · q kᵀ [..., L, S] */
function scores(q: Node, k: Node, scale: number): Node {
  return matmul(mul(q, scalar(scale, q.dtype)), k, { transposeB: true });
}

const makeAttention = defineOp<AttentionAttrs>({
  name: 'attention',
  infer: ([q]) => {
    checkDType('scaledDotProductAttention', q!.dtype, FLOATS);
    return q!;
  },
  gradient: ({ inputs: [q, k, v], output, attrs, cotangent: g, needs }) => {
    // Both follow from the other inputs, which alone the decompositions look at.
    const lse = stopGradient(makeLogSumExp([q!, k!], attrs));
    const delta = stopGradient(sum(mul(cast(g, 'float32'), cast(output, 'float32')), -1));
    const inputs = [q!, k!, v!, g, lse, delta];
    return [
      needs[0] ? makeQueryGradient(inputs, attrs) : undefined,
      needs[1] ? makeKeyGradient(inputs, attrs) : undefined,
      needs[2] ? makeValueGradient(inputs, attrs) : undefined,
    ];
  },
  decompose: ([q, k, v], { scale }) => matmul(softmax(scores(q!, k!, scale), -1), v!),
});

/** Inputs q, k → float32 [..., L]: log Σ exp(score) of each row of scores. */
const makeLogSumExp = defineOp<AttentionAttrs>({
  name: 'attentionLogSumExp',
  infer: ([q]) => ({ shape: q!.shape.slice(0, -1), dtype: 'float32' }),
  decompose: ([q, k], { scale }) => {
    const s = cast(scores(q!, k!, scale), 'float32');
    const largest = max(s, -1, true);
    const total = log(sum(exp(sub(s, largest)), -1, true));
    return reshape(add(largest, total), q!.shape.slice(0, -1));
  },
});

/** p [..., L, S], and dLoss/dscores = p · (g vᵀ − Σ p · g vᵀ). */
function backwards([q, k, v, g]: readonly Node[], scale: number): { p: Node; h: Node } {
  const p = softmax(scores(q!, k!, scale), -1);
  const dp = matmul(g!, v!, { transposeB: true });
  return { p, h: mul(p, sub(dp, sum(mul(dp, p), -1, true))) };
}

/** Inputs q, k, v, g = dLoss/dy, log Σ exp(score) and Σ g · y [..., L] → dLoss/dq; likewise the two below. */
const makeQueryGradient = defineOp<AttentionAttrs>({
  name: 'attentionGradientQuery',
  infer: ([q]) => q!,
  decompose: (inputs, { scale }) => {
    const [q, k] = inputs as [Node, Node];
    return mul(matmul(backwards(inputs, scale).h, k), scalar(scale, q.dtype));
  },
});

const makeKeyGradient = defineOp<AttentionAttrs>({
  name: 'attentionGradientKey',
  infer: ([, k]) => k!,
  decompose: (inputs, { scale }) => {
    const [q] = inputs as [Node];
    const scaled = mul(q, scalar(scale, q.dtype));
    return matmul(backwards(inputs, scale).h, scaled, { transposeA: true });
  },
});

const makeValueGradient = defineOp<AttentionAttrs>({
  name: 'attentionGradientValue',
  infer: ([, , v]) => v!,
  decompose: (inputs, { scale }) => matmul(backwards(inputs, scale).p, inputs[3]!, { transposeA: true }),
});

/** The ops above, for targets that have no kernels of their own for them. */
export const attentionOps: readonly string[] = [
  'attention',
  'attentionLogSumExp',
  'attentionGradientQuery',
  'attentionGradientKey',
  'attentionGradientValue',
];

/**
 * softmax(q kᵀ / √d) v over [..., L, d].
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
  const plain =
    sizeOf(k.shape) > 0 &&
    sameShape(k.shape, v.shape) &&
    sameShape(q.shape.slice(0, -2), k.shape.slice(0, -2)) &&
    [k, v].every(({ dtype }) => dtype === q.dtype);
  // Operands that broadcast, values of another depth than keys, and no keys at all, are products like all others.
  return plain ? makeAttention([q, k, v], { scale: factor }) : matmul(softmax(scores(q, k, factor), -1), v);
}
