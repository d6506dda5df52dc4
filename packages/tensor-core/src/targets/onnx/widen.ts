/**
 * float16 on the CPU: what computes does so in float32 and rounds its result, because the runtime has next to no
 * float16 kernels of its own. What only moves elements stays at 16 bits.
 */
import { rebuild, type Node } from '../../graph/node.ts';
import { cast } from '../../ops/index.ts';
import { type Graph } from '../target.ts';

const moving = new Set([
  'input',
  'constant',
  'data',
  'cast',
  'identity',
  'reshape',
  'transpose',
  'expand',
  'slice',
  'pad',
  'concat',
  'flip',
  'gather',
  'where',
]);

/** The same graph with a cast before and after every op that computes on float16. */
export function widenFloat16(graph: Graph): Graph {
  if (graph.nodes.every((node) => node.dtype !== 'float16')) return graph;
  const nodes: Node[] = [];
  const replaced = new Map<Node, Node>();
  const emit = (node: Node): Node => {
    nodes.push(node);
    return node;
  };
  for (const node of graph.nodes) {
    let inputs = node.inputs.map((input) => replaced.get(input)!);
    const computes = [node, ...inputs].some((x) => x.dtype === 'float16') && !moving.has(node.op);
    if (computes) inputs = inputs.map((x) => (x.dtype === 'float16' ? emit(cast(x, 'float32')) : x));
    const same = inputs.every((input, i) => input === node.inputs[i]);
    const result = emit(same ? node : rebuild(node, inputs));
    replaced.set(node, result.dtype === node.dtype ? result : emit(cast(result, node.dtype)));
  }
  return { inputs: graph.inputs, outputs: graph.outputs.map((node) => replaced.get(node)!), nodes };
}
