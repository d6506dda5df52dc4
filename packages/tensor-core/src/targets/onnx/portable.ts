/**
 * A graph that any ONNX runtime takes: ops for which lowering uses operators of ONNX Runtime's own are taken apart
 * first.
 */
import { type Node, opDefinition, rebuild, topologicalOrder } from '../../graph/node.ts';
import { matmul, type MatmulAttrs, transpose } from '../../ops/index.ts';
import { type Graph } from '../target.ts';

/** The same graph without transposed matrix products and without ops that have no operator in ONNX. */
export function portable(graph: Graph): Graph {
  const replaced = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => replaced.get(input)!);
    replaced.set(node, portableNode(node, inputs));
  }
  const outputs = graph.outputs.map((node) => replaced.get(node)!);
  return { inputs: graph.inputs, outputs, nodes: topologicalOrder(outputs) };
}

function portableNode(node: Node, inputs: readonly Node[]): Node {
  if (node.op === 'silu' || node.op === 'siluGradient') {
    return opDefinition(node.op).decompose!(inputs, node.attrs);
  }
  if (node.op === 'matmul') {
    const { transposeA, transposeB } = node.attrs as MatmulAttrs;
    const [a, b] = inputs as [Node, Node];
    return matmul(transposeA ? turned(a) : a, transposeB ? turned(b) : b);
  }
  return inputs.every((input, i) => input === node.inputs[i]) ? node : rebuild(node, inputs);
}

/** The last two axes in the other order. */
function turned(x: Node): Node {
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}
