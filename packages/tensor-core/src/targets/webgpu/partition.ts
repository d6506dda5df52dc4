/**
 * Which values are stored, and which kernel computes each of them.
 *
 * A node is stored where it is an output, where a product reads it, or where writing it out at every use would cost more
 * than a trip through memory. All else is an expression inside a kernel: in front of a reduction, behind a product, or
 * in a kernel of elementwise arithmetic.
 */
import { isLeaf, type Node } from '../../graph/node.ts';
import { attentionOps } from '../../ops/index.ts';
import { sameShape, sizeOf } from '../../shape.ts';
import { elementwise } from './elementwise.ts';
import { expressionOps, uniformConstant } from './expression.ts';
import { bindingKeys, type CountBindings, isView, runOf } from './operands.ts';
import { isContiguousConcat } from './rewrite.ts';

/** What one lowering computes: an anchor (a product, a reduction, …) or an expression. */
export interface Item {
  /** What is not an expression, or undefined for elementwise kernels. */
  readonly anchor: Node | undefined;
  /** The node whose value is stored: the anchor, or what its epilogue makes of it, or the expression. */
  readonly root: Node;
  /** Stored nodes that it reads. */
  readonly reads: readonly Node[];
  /** The bindings of runs of them. */
  readonly operands: ReadonlySet<string>;
}

export interface Partition {
  /** In topological order. */
  readonly items: readonly Item[];
  /** Every node that has a value of its own: inputs, constants and roots. */
  readonly stored: ReadonlySet<Node>;
}

/** Additions that are cheaper than reading the value a second time. */
const CHEAP = 12;
/** Ops whose operands are read many times over, so that they have to be in memory as they are. */
const products: ReadonlySet<string> = new Set([
  'matmul',
  'conv2d',
  'conv2dInputGradient',
  'conv2dWeightGradient',
  ...attentionOps,
]);
/** Anchors whose results may pass through an expression before they are stored. */
const withEpilogue = new Set(['matmul', 'conv2d', 'conv2dInputGradient', 'sum', 'max', 'softmax']);
/** Anchors whose results may be stored in another order: heads of attention come and go. */
const withPlaces = new Set(['matmul', ...attentionOps.filter((op) => op !== 'attentionLogSumExp')]);

interface Estimate {
  readonly cost: number;
  /** Bindings of runs of stored nodes that the expression reads. */
  readonly leaves: ReadonlySet<string>;
}

/**
 * @param nodes in topological order
 * @param mostReads bindings that a kernel may read beside what it writes
 * @param bindingsOf how many of them a value takes
 * @param fuse false to store whatever has to be computed
 */
export function partition(
  nodes: readonly Node[],
  outputs: readonly Node[],
  mostReads: number,
  bindingsOf: CountBindings,
  fuse = true,
): Partition {
  const results = new Set(outputs);
  const consumers = new Map<Node, Node[]>();
  for (const node of nodes) {
    for (const input of new Set(node.inputs)) {
      const list = consumers.get(input);
      if (list) list.push(node);
      else consumers.set(input, [node]);
    }
  }
  const consumersOf = (node: Node): readonly Node[] => consumers.get(node) ?? [];
  const wanted = wantedInMemory(nodes);
  const stored = new Set<Node>();
  const estimates = new Map<Node, Estimate>();
  const absorbed = new Map<Node, Node>(); // node in an epilogue → its anchor
  const rootOf = new Map<Node, Node>(); // anchor → root
  const store = (node: Node): void => {
    stored.add(node);
    estimates.set(node, {
      cost: 1,
      leaves: new Set(bindingKeys(runOf(node, stored)!.key, bindingsOf(node))),
    });
  };
  const estimateOf = (node: Node): Estimate => estimates.get(node)!;
  const isSingle = (node: Node): boolean => consumersOf(node).length === 1 && !results.has(node);

  const extendEpilogue = (anchor: Node): Node => {
    const [computes, moves] = [withEpilogue.has(anchor.op), withPlaces.has(anchor.op)];
    if (!fuse || !(computes || moves)) return anchor;
    let root = anchor;
    while (isSingle(root) && !wanted.has(root)) {
      const [next] = consumersOf(root) as [Node];
      const aligned =
        next.op === 'reshape' ||
        (moves && movesRows(next)) ||
        (computes &&
          next.op in elementwise &&
          next.inputs.every((input) => input !== root || sameShape(input.shape, next.shape)));
      // Two results that meet: one of them is there already, and the other's kernel reads it.
      if (!aligned || absorbed.has(next)) break;
      root = next;
    }
    return root;
  };

  for (const node of nodes) {
    if (isLeaf(node)) {
      if (uniformConstant(node) === undefined || wanted.has(node)) store(node);
      else estimates.set(node, { cost: 0, leaves: new Set() });
      continue;
    }
    const anchor = absorbed.get(node);
    if (anchor) {
      const leaves = limit(node, union(node.inputs.map(estimateOf)));
      if (leaves.size <= mostReads) {
        if (rootOf.get(anchor) === node) store(node);
        else estimates.set(node, { cost: 0, leaves });
        continue;
      }
      cut(node, anchor);
    }
    if (!expressionOps.has(node.op)) {
      const root = extendEpilogue(node);
      rootOf.set(node, root);
      if (root === node) store(node);
      else {
        estimates.set(node, { cost: 0, leaves: new Set() });
        for (let at = node; at !== root;) {
          [at] = consumersOf(at) as [Node];
          absorbed.set(at, node);
        }
      }
      continue;
    }
    if (isContiguousConcat(node)) {
      store(node);
      continue;
    }
    const run = isView(node) ? runOf(node, stored) : undefined;
    const leaves = run
      ? new Set(bindingKeys(run.key, bindingsOf(node)))
      : limit(node, union(node.inputs.map(estimateOf)));
    const cost = node.inputs.reduce((total, input) => total + estimateOf(input).cost, 0) + costOf(node);
    const uses = consumersOf(node);
    const repeated = uses.some((use) => sizeOf(use.shape) > sizeOf(node.shape) && expressionOps.has(use.op));
    const many = uses.length > 1 || repeated;
    const dear = fuse ? many && cost > CHEAP : !isView(node);
    if (results.has(node) || wanted.has(node) || dear) store(node);
    else estimates.set(node, { cost, leaves });
  }

  /** Ends an epilogue before `node`: it would read more than a kernel may. */
  function cut(node: Node, anchor: Node): void {
    const before = node.inputs.find((input) => input === anchor || absorbed.get(input) === anchor)!;
    rootOf.set(anchor, before);
    store(before);
    for (const [other, its] of absorbed) if (its === anchor && other.id >= node.id) absorbed.delete(other);
  }

  /** Stores inputs of the node until it reads no more than it may. */
  function limit(node: Node, leaves: ReadonlySet<string>): ReadonlySet<string> {
    let current = leaves;
    while (current.size > mostReads) {
      const heaviest = node.inputs
        .filter((input) => !stored.has(input) && expressionOps.has(input.op) && !absorbed.has(input))
        .sort((a, b) => estimateOf(b).leaves.size - estimateOf(a).leaves.size)[0];
      if (!heaviest || estimateOf(heaviest).leaves.size < 2) break;
      store(heaviest);
      current = union(node.inputs.map(estimateOf));
    }
    return current;
  }

  const items: Item[] = [];
  for (const node of nodes) {
    if (!stored.has(node) || isLeaf(node)) continue;
    const anchor = absorbed.get(node) ?? (expressionOps.has(node.op) ? undefined : node);
    items.push({ anchor, root: node, ...readsOf(node, stored, bindingsOf) });
  }
  return { items, stored };
}

/** True for transpositions that leave the last axis alone: neighbours stay neighbours. */
function movesRows({ op, attrs }: Node): boolean {
  if (op !== 'transpose') return false;
  const permutation = attrs['permutation'] as readonly number[];
  return permutation.at(-1) === permutation.length - 1;
}

/** Nodes that products read, seen through views. */
function wantedInMemory(nodes: readonly Node[]): Set<Node> {
  const wanted = new Set<Node>();
  for (let i = nodes.length - 1; i >= 0; i--) {
    const node = nodes[i]!;
    if (products.has(node.op)) for (const input of node.inputs) wanted.add(input);
    if (wanted.has(node) && isView(node)) {
      wanted.delete(node);
      wanted.add(node.inputs[0]!);
    }
  }
  return wanted;
}

/** What the kernel of `root` reads. */
function readsOf(
  root: Node,
  stored: ReadonlySet<Node>,
  bindingsOf: CountBindings,
): Pick<Item, 'reads' | 'operands'> {
  const reads = new Set<Node>();
  const operands = new Set<string>();
  const seen = new Set<Node>();
  const stack = [...root.inputs];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    const run = runOf(node, stored);
    if (run) {
      reads.add(run.source);
      for (const key of bindingKeys(run.key, bindingsOf(node))) operands.add(key);
    } else stack.push(...node.inputs);
  }
  return { reads: [...reads], operands };
}

function costOf(node: Node): number {
  if (isView(node)) return 0;
  switch (node.op) {
    case 'expand':
    case 'transpose':
    case 'slice':
    case 'flip':
      return 0;
    case 'pad':
    case 'concat':
    case 'upsampleNearest2d':
      return 2;
    case 'gather':
      return 3;
    case 'avgPool2d':
      return (node.attrs['kernel'] as number) ** 2;
    case 'randomUniform':
      return 60;
    default:
      return elementwise[node.op]?.cost ?? 1;
  }
}

function union(estimates: readonly Estimate[]): Set<string> {
  const all = new Set<string>();
  for (const { leaves } of estimates) for (const leaf of leaves) all.add(leaf);
  return all;
}
