/** Takes ops apart that a target has no kernels for: each becomes the simpler ops that its definition says. */
import { identity } from '../ops/elementwise.ts';
import { type Graph } from '../targets/target.ts';
import { isLeaf, type Node, opDefinition, rebuild, topologicalOrder } from './node.ts';
import { simplify } from './simplify.ts';

/** The same graph without `ops`, all of which have decompositions; simplified again where there was one. */
export function takeApart(graph: Graph, ops: readonly string[]): Graph {
  if (!graph.nodes.some(({ op }) => ops.includes(op))) return graph;
  const replaced = new Map<Node, Node>();
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((input) => replaced.get(input)!);
    const same = inputs.every((input, i) => input === node.inputs[i]);
    const decompose = ops.includes(node.op) ? opDefinition(node.op).decompose : undefined;
    replaced.set(node, decompose ? decompose(inputs, node.attrs) : same ? node : rebuild(node, inputs));
  }
  const outputs = separate(simplify(graph.outputs.map((node) => replaced.get(node)!)));
  return { inputs: graph.inputs, outputs, nodes: topologicalOrder(outputs) };
}

/** An output that is an input, a constant or another output gets a value of its own. */
export function separate(outputs: readonly Node[]): Node[] {
  const taken = new Set<Node>();
  return outputs.map((node) => {
    const own = isLeaf(node) || taken.has(node) ? identity(node) : node;
    taken.add(own);
    return own;
  });
}
