/**
 * Items that one kernel computes together: elementwise kernels over as many elements (an optimizer's moments and
 * parameters), reductions of one shape over the same axes.
 *
 * What is grouped shares what it reads, and a dispatch.
 */
import { type Node } from '../../graph/node.ts';
import { sizeOf } from '../../shape.ts';
import { elementwise } from './elementwise.ts';
import { type Item } from './partition.ts';
import { type CountBindings } from './operands.ts';
import { isContiguousConcat } from './rewrite.ts';

/** Items in one kernel, in topological order. */
export interface Group {
  readonly items: readonly Item[];
  /** Stored nodes of other groups that it reads. */
  readonly reads: readonly Node[];
}

/** Below it, a dispatch costs more than the arithmetic: kernels are joined even where they share nothing. */
const SMALL = 4096;

/** What may be in one kernel with others of the same key; undefined for what stays alone. */
function keyOf({ anchor, root }: Item): string | undefined {
  if (!anchor) return isContiguousConcat(root) ? undefined : `map ${sizeOf(root.shape)}`;
  if (anchor.op !== 'sum' && anchor.op !== 'max') return undefined;
  const [x] = anchor.inputs as [Node];
  return `reduce ${x.shape.join()} over ${(anchor.attrs['axes'] as readonly number[]).join()}`;
}

/**
 * @param items in topological order
 * @param stored nodes that have values
 * @param mostOperands bindings that one kernel may read and write together
 * @param bindingsOf how many of them a value takes
 * @returns groups in topological order
 */
export function groupItems(
  items: readonly Item[],
  stored: ReadonlySet<Node>,
  mostOperands: number,
  bindingsOf: CountBindings,
): Group[] {
  const groups: OpenGroup[] = [];
  const open = new Map<string, OpenGroup[]>();
  /** When a root's value is there. */
  const written = new Map<Node, number>();
  items.forEach((item, position) => {
    const key = keyOf(item);
    const candidates = key === undefined ? [] : (open.get(key) ?? []);
    const canWait = (group: OpenGroup): boolean =>
      item.reads.every((read) => group.roots.has(read) || (written.get(read) ?? -1) < group.position);
    let group = candidates.findLast(
      (candidate) => canWait(candidate) && fits(candidate, item, stored, mostOperands, bindingsOf),
    );
    if (!group) {
      group = { position, items: [], roots: new Set(), reads: new Set(), operands: new Set() };
      groups.push(group);
      if (key !== undefined) open.set(key, [...candidates, group]);
    }
    for (const read of item.reads) if (!group.roots.has(read)) group.reads.add(read);
    for (const operand of item.operands) group.operands.add(operand);
    group.items.push(item);
    group.roots.add(item.root);
    written.set(item.root, group.position);
  });
  return groups.map((group) => ({ items: group.items, reads: [...group.reads] }));
}

interface OpenGroup {
  /** Of its first item: the whole group runs there. */
  readonly position: number;
  readonly items: Item[];
  readonly roots: Set<Node>;
  readonly reads: Set<Node>;
  readonly operands: Set<string>;
}

/** True where the group's kernel can compute the item as well, and something is gained by it. */
function fits(
  group: OpenGroup,
  item: Item,
  stored: ReadonlySet<Node>,
  mostOperands: number,
  bindingsOf: CountBindings,
): boolean {
  const inside = item.reads.some((read) => group.roots.has(read));
  if (inside && (item.anchor || !readsInPlace(item.root, group.roots, stored))) return false;
  const shares = inside || item.reads.some((read) => group.reads.has(read));
  if (!shares && sizeOf(item.root.shape) > SMALL) return false;
  const operands = new Set([...group.operands, ...item.operands]);
  const results = [...group.roots, item.root].reduce((sum, root) => sum + bindingsOf(root), 0);
  // A reduction in two passes holds its partial results beside its results.
  return operands.size + (item.anchor ? 2 : 1) * results <= mostOperands;
}

/** True where the expression of `root` meets the group's roots only at its own element. */
export function readsInPlace(root: Node, roots: ReadonlySet<Node>, stored: ReadonlySet<Node>): boolean {
  const size = sizeOf(root.shape);
  const seen = { aligned: new Set<Node>(), moved: new Set<Node>() };
  const stack: { node: Node; aligned: boolean }[] = [{ node: root, aligned: true }];
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { node, aligned } = top;
    const visited = aligned ? seen.aligned : seen.moved;
    if (visited.has(node)) continue;
    visited.add(node);
    if (node !== root && stored.has(node)) {
      if (roots.has(node) && (!aligned || sizeOf(node.shape) !== size)) return false;
      continue;
    }
    const keeps = node.op === 'reshape' || node.op in elementwise;
    for (const input of node.inputs) {
      stack.push({ node: input, aligned: aligned && keeps && sizeOf(input.shape) === size });
    }
  }
  return true;
}
