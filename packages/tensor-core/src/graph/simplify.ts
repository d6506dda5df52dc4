/**
 * Rewrites that make a graph smaller without changing its values: common subexpressions, arithmetic on scalar
 * constants, neutral elements, and movements that cancel.
 *
 * Targets see only simplified graphs, so none of them repeats this.
 */
import { type HostArray } from '../dtype.ts';
import { mul } from '../ops/elementwise.ts';
import { expand, reshape, transpose } from '../ops/movement.ts';
import { scalar } from '../ops/shared.ts';
import { sameShape } from '../shape.ts';
import { isLeaf, type Node, rebuild, topologicalOrder } from './node.ts';

/** The value of a one-element float32 or int32 constant. */
function constantScalar(node: Node | undefined): number | undefined {
  const source = node?.op === 'expand' || node?.op === 'reshape' ? node.inputs[0] : node;
  if (source?.op !== 'constant' || source.value?.length !== 1) return undefined;
  return source.dtype === 'float32' || source.dtype === 'int32' ? source.value[0] : undefined;
}

const foldable: Partial<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** A simpler node of the same value, type and shape; inputs are simplified already. */
function rewrite(node: Node): Node {
  const [a, b] = node.inputs;
  const fits = (candidate: Node): boolean => sameShape(candidate.shape, node.shape);
  const x = constantScalar(a);
  const y = constantScalar(b);
  const fold = foldable[node.op];
  if (fold && x !== undefined && y !== undefined && node.dtype === 'float32') {
    return expand(scalar(fold(x, y)), node.shape);
  }
  switch (node.op) {
    case 'identity':
    case 'stopGradient':
      return a!;
    case 'add':
      if (y === 0 && fits(a!)) return a!;
      if (x === 0 && fits(b!)) return b!;
      return node;
    case 'sub':
      return y === 0 && fits(a!) ? a! : node;
    case 'mul': {
      if (y === 1 && fits(a!)) return a!;
      if (x === 1 && fits(b!)) return b!;
      // (v · c) · d = v · (c · d): keeps chains of scales to one pass over the elements.
      if (y !== undefined && a!.op === 'mul' && node.dtype === 'float32') {
        const inner = constantScalar(a!.inputs[1]);
        if (inner !== undefined && sameShape(a!.inputs[0]!.shape, node.shape)) {
          return mul(a!.inputs[0]!, scalar(inner * y));
        }
      }
      // An operand that is a broadcast scalar needs no elements of its own.
      if (y !== undefined && b!.op === 'expand' && fits(a!)) return mul(a!, scalar(y, node.dtype));
      if (x !== undefined && a!.op === 'expand' && fits(b!)) return mul(b!, scalar(x, node.dtype));
      return node;
    }
    case 'div':
      if (y === 1 && fits(a!)) return a!;
      if (y !== undefined && node.dtype === 'float32' && Number.isInteger(Math.log2(Math.abs(y)))) {
        return mul(a!, scalar(1 / y));
      }
      return node;
    case 'neg':
      return a!.op === 'neg' ? a!.inputs[0]! : node;
    case 'reshape':
      return a!.op === 'reshape' ? reshape(a!.inputs[0]!, node.shape) : node;
    case 'transpose':
      if (a!.op === 'transpose') {
        const inner = a!.attrs['permutation'] as readonly number[];
        const outer = node.attrs['permutation'] as readonly number[];
        return transpose(
          a!.inputs[0]!,
          outer.map((axis) => inner[axis]!),
        );
      }
      return node;
    case 'expand':
      return a!.op === 'expand' ? expand(a!.inputs[0]!, node.shape) : node;
    default:
      return node;
  }
}

function constantKey(value: HostArray): string | undefined {
  return value.length <= 64 ? [...value].map((v) => (Object.is(v, -0) ? '-0' : String(v))).join() : undefined;
}

/** The same outputs from a graph with each distinct value computed once. */
export function simplify(outputs: readonly Node[]): Node[] {
  const replaced = new Map<Node, Node>();
  const seen = new Map<string, Node>();
  const unify = (node: Node): Node => {
    let key: string | undefined;
    if (node.op === 'constant') {
      const value = constantKey(node.value!);
      key = value === undefined ? undefined : `constant ${node.dtype} ${node.shape.join()} ${value}`;
    } else if (!isLeaf(node)) {
      key = `${node.op} ${node.inputs.map((input) => input.id).join()} ${JSON.stringify(node.attrs)}`;
    }
    if (key === undefined) return node;
    const held = seen.get(key);
    if (held) return held;
    seen.set(key, node);
    return node;
  };
  for (const node of topologicalOrder(outputs)) {
    if (isLeaf(node)) {
      replaced.set(node, unify(node));
      continue;
    }
    const inputs = node.inputs.map((input) => replaced.get(input)!);
    let current = inputs.every((input, i) => input === node.inputs[i]) ? node : rebuild(node, inputs);
    for (let next = rewrite(current); next !== current; next = rewrite(current)) {
      current = next;
      if (isLeaf(current)) break;
    }
    // A rewrite may have made new inner nodes (a scalar, a reshape): unify those as well.
    replaced.set(node, unify(withUnifiedInputs(current, unify)));
  }
  return outputs.map((output) => replaced.get(output)!);
}

function withUnifiedInputs(node: Node, unify: (node: Node) => Node): Node {
  if (isLeaf(node)) return node;
  const inputs = node.inputs.map(unify);
  return inputs.every((input, i) => input === node.inputs[i]) ? node : rebuild(node, inputs);
}
