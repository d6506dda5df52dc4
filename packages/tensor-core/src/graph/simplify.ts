/**
 * Makes a graph smaller without changing its values: every distinct value is computed once, and the rules of `rules.ts`
 * are applied until none of them does.
 *
 * Targets see only simplified graphs, so none of them repeats this.
 */
import { type HostArray } from '../dtype.ts';
import { type Attrs, isLeaf, type Node, rebuild, topologicalOrder } from './node.ts';
import { simpler } from './rules.ts';

/** Ops whose operands may change places. */
const commutative = new Set(['add', 'mul', 'maximum', 'minimum', 'equal']);

/** The same outputs from a graph with each distinct value computed once. */
export function simplify(outputs: readonly Node[]): Node[] {
  const settled = new Map<Node, Node>();
  const seen = new Map<string, Node>();
  const unify = (node: Node): Node => {
    const key = keyOf(node);
    if (key === undefined) return node;
    const held = seen.get(key);
    if (held) return held;
    seen.set(key, node);
    return node;
  };
  // Recursion goes no deeper than a rule's replacement: the inputs of a node in topological order are settled already.
  const settle = (node: Node): Node => {
    const held = settled.get(node);
    if (held) return held;
    const inputs = node.inputs.map(settle);
    const current = inputs.every((input, i) => input === node.inputs[i]) ? node : rebuild(node, inputs);
    const better = simpler(current);
    const result = better ? settle(better) : unify(current);
    for (const same of [node, current, result]) settled.set(same, result);
    return result;
  };
  for (const node of topologicalOrder(outputs)) settle(node);
  return outputs.map(settle);
}

/** Equal for nodes of equal value; undefined for inputs, data and large constants, which are equal to themselves alone. */
function keyOf(node: Node): string | undefined {
  if (node.op === 'constant') {
    const value = constantKey(node.value!);
    return value === undefined ? undefined : `constant ${node.dtype} ${node.shape.join()} ${value}`;
  }
  if (isLeaf(node)) return undefined;
  const inputs = node.inputs.map((input) => input.id);
  if (commutative.has(node.op)) inputs.sort((a, b) => a - b);
  return `${node.op} ${inputs.join()} ${attrsKey(node.attrs)}`;
}

function constantKey(value: HostArray): string | undefined {
  return value.length <= 64 ? Array.from(value, numberKey).join() : undefined;
}

/** JSON, with a text of its own for every number that JSON has none for. */
function attrsKey(attrs: Attrs): string {
  return JSON.stringify(attrs, (_, value: unknown) => (typeof value === 'number' ? numberKey(value) : value));
}

function numberKey(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
