/** Attention and its gradients as kernels, and when these are worth more than products and a softmax. */
import { type Node } from '../../graph/node.ts';
import { type AttentionAttrs } from '../../ops/index.ts';
import { sizeOf } from '../../shape.ts';
import { type Capabilities, type Emitter, type Epilogue, type Operand } from './kernel.ts';
import {
  type AttentionSizes,
  emitAttention,
  emitAttentionGradients,
  emitAttentionLogSumExp,
} from './kernels/attention.ts';

/** Deeper rows take more invocations each, which products in tiles share out better. */
const DEEPEST = 64;
/** Scores of which this many bytes are better not written down at any depth. */
const MOST_SCORES = 2 ** 27;

/** True where attention is to run without its matrix of scores. Software adapters have it as products. */
export function keepsAttention(node: Node, { software }: Capabilities): boolean {
  if (software) return false;
  const { batch, queries, keys, depth } = sizesOf(node);
  return depth <= DEEPEST || batch * queries * keys * 4 > MOST_SCORES;
}

function sizesOf(node: Node): AttentionSizes {
  const [q, k] = node.inputs as [Node, Node];
  const { scale } = node.attrs as AttentionAttrs;
  const [queries, depth] = q.shape.slice(-2) as [number, number];
  return { batch: sizeOf(q.shape.slice(0, -2)), queries, keys: k.shape.at(-2)!, depth, scale };
}

/**
 * Emits the kernel of one of the ops of `ops/attention.ts`.
 *
 * @param inputs the node's, in memory
 * @param epilogue which moves what is computed, and no more
 */
export function emitAttentionOp(
  emitter: Emitter,
  node: Node,
  inputs: readonly Operand[],
  out: Operand,
  epilogue?: Epilogue,
): void {
  const sizes = { ...sizesOf(node), ...(epilogue && { epilogue }) };
  const [q, k] = inputs as [Operand, Operand];
  if (node.op === 'attentionLogSumExp') {
    emitAttentionLogSumExp(emitter, { ...sizes, q, k, out });
    return;
  }
  const v = inputs[2]!;
  if (node.op === 'attention') {
    emitAttention(emitter, { ...sizes, q, k, v, out });
    return;
  }
  const [g, lse, delta] = inputs.slice(3) as [Operand, Operand, Operand];
  emitAttentionGradients(emitter, {
    ...sizes,
    q,
    k,
    v,
    g,
    lse,
    delta,
    ...(node.op === 'attentionGradientQuery' ? { dq: out } : {}),
    ...(node.op === 'attentionGradientKey' ? { dk: out } : {}),
    ...(node.op === 'attentionGradientValue' ? { dv: out } : {}),
  });
}
