import { describe, expect, it } from 'vitest';
import { gradientsOf } from '../autograd.ts';
import { type Node, inputNode, topologicalOrder } from '../graph/node.ts';
import { printGraph } from '../graph/print.ts';
import { buildGraph } from '../graph/program.ts';
import { takeApart } from '../graph/take-apart.ts';
import { attentionOps, matmul, mul, scaledDotProductAttention, softmax, square, sum } from './index.ts';
import { scalar } from './shared.ts';

/** As products and a softmax, which is what targets without kernels for it run. */
function composed(q: Node, k: Node, v: Node): Node {
  const scaled = mul(q, scalar(1 / Math.sqrt(q.shape.at(-1)!), q.dtype));
  return matmul(softmax(matmul(scaled, k, { transposeB: true }), -1), v);
}

/** The simplified graph of the value and the gradients. */
function graphOf(attention: typeof composed, inputs: readonly [Node, Node, Node]) {
  const y = attention(...inputs);
  return buildGraph(inputs, [y, ...gradientsOf(sum(square(y)), inputs)]).graph;
}

const inputs = [3, 5, 5].map((length) =>
  inputNode({ shape: [2, 4, length, 8], dtype: 'float32' }),
) as unknown as readonly [Node, Node, Node];

describe('attention', () => {
  it('is an op, and so are its gradients', () => {
    const ops = new Set(graphOf(scaledDotProductAttention, inputs).nodes.map(({ op }) => op));
    expect(attentionOps.filter((op) => !ops.has(op))).toEqual([]);
    expect(ops).not.toContain('softmax');
  });

  it('taken apart is the graph that its parts would have given', () => {
    const apart = takeApart(graphOf(scaledDotProductAttention, inputs), attentionOps);
    const parts = graphOf(composed, inputs);
    const histogram = (nodes: readonly Node[]): string[] =>
      nodes.map(({ op, shape }) => `${op} ${shape.join('×')}`).sort();
    expect(histogram(apart.nodes)).toEqual(histogram(parts.nodes));
    expect(printGraph(apart.outputs)).toBe(printGraph(parts.outputs));
  });

  it('is made of products where operands broadcast, values are deeper than keys, or there are no keys', () => {
    const q = inputNode({ shape: [3, 8], dtype: 'float32' });
    const deep = inputNode({ shape: [2, 4, 5, 9], dtype: 'float32' });
    const none = inputNode({ shape: [2, 4, 0, 8], dtype: 'float32' });
    for (const y of [
      scaledDotProductAttention(q, inputs[1], inputs[2]),
      scaledDotProductAttention(inputs[0], inputs[1], deep),
      scaledDotProductAttention(inputs[0], none, none),
    ]) {
      expect(topologicalOrder([y]).map(({ op }) => op)).not.toContain('attention');
    }
  });
});
