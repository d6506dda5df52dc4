/** A graph as text, one line a node: for people, and for snapshots in tests. */
import { formatShape } from '../shape.ts';
import { type Node, topologicalOrder } from './node.ts';

function formatAttrs(node: Node): string {
  if (node.op === 'constant')
    return ` {${[...node.value!].slice(0, 4).join(', ')}${node.value!.length > 4 ? ', …' : ''}}`;
  const entries = Object.entries(node.attrs).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return entries.length > 0 ? ` {${entries.join(', ')}}` : '';
}

/** Numbered from 0 in the order of computation, so that the text does not depend on how the graph came about. */
export function printGraph(outputs: readonly Node[]): string {
  const number = new Map<Node, number>();
  const lines = topologicalOrder(outputs).map((node, i) => {
    number.set(node, i);
    const inputs = node.inputs.map((input) => `%${number.get(input)!}`).join(', ');
    return `%${i} = ${node.op}(${inputs})${formatAttrs(node)} : ${node.dtype} ${formatShape(node.shape)}`;
  });
  return [...lines, `return ${outputs.map((output) => `%${number.get(output)!}`).join(', ')}`].join('\n');
}
