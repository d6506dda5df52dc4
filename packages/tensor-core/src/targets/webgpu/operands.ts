/** Which nodes are in memory as they are: values, and contiguous runs of them under another shape. */
import { type Node } from '../../graph/node.ts';
import { sizeOf } from '../../shape.ts';
import { type Operand } from './kernel.ts';

const reshaping = new Set(['reshape', 'identity', 'stopGradient']);

/** For a slice whose elements lie side by side in its input: the first of them; else undefined. */
function contiguousStart(node: Node): number | undefined {
  if (node.op !== 'slice') return undefined;
  const [x] = node.inputs as [Node];
  const starts = node.attrs['starts'] as readonly number[];
  const cut = node.shape.findIndex((extent, axis) => extent !== x.shape[axis]);
  // Before the last axis that is cut short, every extent has to be 1.
  const last = node.shape.findLastIndex((extent, axis) => extent !== x.shape[axis]);
  for (let axis = cut; axis < last; axis++) if (node.shape[axis] !== 1) return undefined;
  for (let axis = 0; axis < cut; axis++) if (node.shape[axis] !== 1) return undefined;
  let start = 0;
  x.shape.forEach((extent, axis) => (start = start * extent + starts[axis]!));
  return start;
}

/** What of a node's input it is, where it needs no copy: the first element. */
function viewStart(node: Node): number | undefined {
  return reshaping.has(node.op) ? 0 : contiguousStart(node);
}

/** True for nodes that are a run of their input's elements. */
export function isView(node: Node): boolean {
  return viewStart(node) !== undefined;
}

/** How many bindings the elements of a node take. */
export type CountBindings = (node: Node) => number;

/** What of which stored node `node` is, as a key that equal runs share; undefined where it has to be computed. */
export function runOf(node: Node, stored: ReadonlySet<Node>): { source: Node; key: string } | undefined {
  let offset = 0;
  let current = node;
  while (!stored.has(current)) {
    const start = viewStart(current);
    if (start === undefined) return undefined;
    offset += start;
    current = current.inputs[0]!;
  }
  return { source: current, key: `${current.id}:${offset}:${sizeOf(node.shape)}` };
}

/** The bindings of a run, as keys that equal runs share. */
export function bindingKeys(key: string, count: number): string[] {
  return Array.from({ length: count }, (_, k) => (k === 0 ? key : `${key} ${k}`));
}

/** The run of a stored value that `node` is, or undefined where it has to be computed. */
export function operandOf(node: Node, stored: ReadonlyMap<Node, Operand>): Operand | undefined {
  let offset = 0;
  let current = node;
  for (;;) {
    const held = stored.get(current);
    if (held) return { value: held.value, offset: held.offset + offset, size: sizeOf(node.shape) };
    const start = viewStart(current);
    if (start === undefined) return undefined;
    offset += start;
    current = current.inputs[0]!;
  }
}
