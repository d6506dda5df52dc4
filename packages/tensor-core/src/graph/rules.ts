/**
 * The rules of `simplify`: each takes a node whose inputs are simple already, and gives a simpler node of the same
 * value, shape and dtype, or nothing.
 *
 * Products of scalars are rounded once where they were rounded twice; all else keeps every bit (up to the sign of zero).
 */
import { allocate, FLOATS } from '../dtype.ts';
import * as ops from '../ops/elementwise.ts';
import { expand, reshape, transpose } from '../ops/movement.ts';
import { sum } from '../ops/reduce.ts';
import { scalar } from '../ops/shared.ts';
import { broadcastShapes, sameShape, type Shape, sizeOf } from '../shape.ts';
import { constantNode, isLeaf, type Node, rebuild } from './node.ts';

type Rule = (node: Node) => Node | undefined;

/** Elementwise ops with one operand, and those whose operands broadcast. */
const elementwise = new Set(
  (
    'add sub mul div pow maximum minimum less greater equal where ' +
    'neg exp log sqrt reciprocal square abs sign sin cos tanh sigmoid erf relu silu cast'
  ).split(' '),
);
/** Ops that only move elements about. */
const moving = new Set(['reshape', 'transpose', 'slice', 'flip']);

/** A simpler node of the same value, or undefined where there is none. */
export function simpler(node: Node): Node | undefined {
  if (isLeaf(node)) return undefined;
  for (const rule of rules) {
    const result = rule(node);
    if (result) return result;
  }
  return undefined;
}

/** The value of a one-element float32 or int32 constant, also where it was expanded. */
function constantScalar(node: Node | undefined): number | undefined {
  const source = node?.op === 'expand' ? node.inputs[0] : node;
  if (source?.op !== 'constant' || source.value?.length !== 1) return undefined;
  return source.dtype === 'float32' || source.dtype === 'int32' ? source.value[0] : undefined;
}

/** What has no elements needs no computing, and targets need no kernels for it. */
const noElements: Rule = ({ shape, dtype }) =>
  sizeOf(shape) === 0 ? constantNode(allocate(dtype, 0), { shape, dtype }) : undefined;

/** Ops that add up products, so that they are 0 where there is nothing to add up. */
const adding = new Set(
  'sum matmul scatterAdd conv2dInputGradient conv2dWeightGradient groupNormWeightGradient'.split(' '),
);

/** A sum over nothing is 0: runtimes may leave it unwritten. */
const emptySum: Rule = ({ op, inputs, shape, dtype }) =>
  adding.has(op) && inputs.some((x) => sizeOf(x.shape) === 0) ? expand(scalar(0, dtype), shape) : undefined;

const foldable: Partial<Record<string, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
};

/** c ∘ d of two constants is a constant. */
const foldScalars: Rule = (node) => {
  const [x, y] = node.inputs.map(constantScalar);
  const fold = foldable[node.op];
  if (!fold || x === undefined || y === undefined || node.dtype !== 'float32') return undefined;
  return expand(scalar(fold(x, y)), node.shape);
};

/** c + v → v + c, c · v → v · c: other rules look for the constant in one place. */
const constantLast: Rule = (node) => {
  if (node.op !== 'add' && node.op !== 'mul') return undefined;
  const [a, b] = node.inputs as [Node, Node];
  return constantScalar(a) !== undefined && constantScalar(b) === undefined
    ? rebuild(node, [b, a])
    : undefined;
};

/** v + 0, v − 0, v · 1, v / 1, v¹ are v; v² is a square; the identity is nothing. */
const neutral: Rule = ({ op, inputs, shape }) => {
  const [a, b] = inputs as [Node, Node | undefined];
  if (op === 'identity' || op === 'stopGradient') return a;
  const y = constantScalar(b);
  if (y === undefined || !sameShape(a.shape, shape)) return undefined;
  switch (op) {
    case 'add':
    case 'sub':
      return y === 0 ? a : undefined;
    case 'mul':
    case 'div':
      return y === 1 ? a : undefined;
    case 'pow':
      return y === 1 ? a : y === 2 && a.dtype !== 'int32' ? ops.square(a) : undefined;
    default:
      return undefined;
  }
};

/** True for the product of scales where float32 can take the place of both: it neither overflows nor loses digits. */
function isSafeScale(scale: number): boolean {
  const size = Math.abs(Math.fround(scale));
  return size >= 2 ** -126 && size < Infinity;
}

/** v and c where the node is v · c with a number c, also where it was moved afterwards. */
function scaled(node: Node): { value: Node; scale: number } | undefined {
  if (node.dtype !== 'float32') return undefined;
  const [a, b] = node.inputs;
  if (node.op === 'neg') return { value: a!, scale: -1 };
  if (node.op === 'mul') {
    const scale = constantScalar(b);
    return scale !== undefined && sameShape(a!.shape, node.shape) ? { value: a!, scale } : undefined;
  }
  if (!moving.has(node.op)) return undefined;
  const inner = scaled(a!);
  return inner && { value: rebuild(node, [inner.value]), scale: inner.scale };
}

/** (v · c) · d → v · (c · d), −(v · c) → v · (−c): chains of scales take one pass over the elements. */
const scaleOnce: Rule = (node) => {
  const [a, b] = node.inputs as [Node, Node | undefined];
  if (node.op !== 'neg' && node.op !== 'mul') return undefined;
  const outer = node.op === 'neg' ? -1 : constantScalar(b);
  const inner = outer === undefined ? undefined : scaled(a);
  if (outer === undefined || !inner || !sameShape(inner.value.shape, node.shape)) return undefined;
  const scale = inner.scale * outer;
  return isSafeScale(scale) ? ops.mul(inner.value, scalar(scale)) : undefined;
};

/** a + a → a · 2, a · a → a². */
const twice: Rule = ({ op, inputs: [a, b], dtype }) => {
  if (a !== b || !FLOATS.includes(dtype)) return undefined;
  return op === 'add' ? ops.mul(a!, scalar(2, dtype)) : op === 'mul' ? ops.square(a!) : undefined;
};

/** v / 2ⁿ → v · 2⁻ⁿ, which is exact. */
const divideByPowerOfTwo: Rule = (node) => {
  const y = constantScalar(node.inputs[1]);
  if (node.op !== 'div' || node.dtype !== 'float32' || y === undefined) return undefined;
  const exact = Number.isInteger(Math.log2(Math.abs(y))) && isSafeScale(1 / y) && isSafeScale(y);
  return exact ? ops.mul(node.inputs[0]!, scalar(1 / y)) : undefined;
};

/** −(−a) → a, a + (−b) → a − b, (−a) + b → b − a, a − (−b) → a + b. */
const signs: Rule = ({ op, inputs }) => {
  const [a, b] = inputs as [Node, Node | undefined];
  if (op === 'neg' && a.op === 'neg') return a.inputs[0]!;
  if (op === 'add' && b!.op === 'neg') return ops.sub(a, b!.inputs[0]!);
  if (op === 'add' && a.op === 'neg') return ops.sub(b!, a.inputs[0]!);
  if (op === 'sub' && b!.op === 'neg') return ops.add(a, b!.inputs[0]!);
  return undefined;
};

/** A constant has whatever shape is wanted of it, and a single one that is spread out needs none. */
const reshapeConstant: Rule = ({ op, inputs: [a], shape }) => {
  if (a?.op !== 'constant') return undefined;
  const as = (to: Shape): Node => constantNode(a.value!, { shape: to, dtype: a.dtype });
  if (op === 'reshape') return as(shape);
  return op === 'expand' && a.shape.length > 0 && sizeOf(a.shape) === 1 ? expand(as([]), shape) : undefined;
};

/** A sum or a maximum over axes of extent 1 is the element itself. */
const reduceOne: Rule = ({ op, inputs, attrs, shape }) => {
  if (op !== 'sum' && op !== 'max') return undefined;
  const [a] = inputs as [Node];
  const axes = attrs['axes'] as readonly number[];
  return axes.every((axis) => a.shape[axis] === 1) ? reshape(a, shape) : undefined;
};

/** Two reshapes, transpositions or expansions are one. */
const moveOnce: Rule = ({ op, inputs: [a], attrs, shape }) => {
  if (a?.op !== op) return undefined;
  const [x] = a.inputs as [Node];
  switch (op) {
    case 'reshape':
      return reshape(x, shape);
    case 'expand':
      return expand(x, shape);
    case 'transpose': {
      const inner = a.attrs['permutation'] as readonly number[];
      const outer = attrs['permutation'] as readonly number[];
      return transpose(
        x,
        outer.map((axis) => inner[axis]!),
      );
    }
    default:
      return undefined;
  }
};

/** A single number that was spread out looks the same wherever it is moved. */
const moveUniform: Rule = (node) => {
  const [a] = node.inputs as [Node];
  if (!moving.has(node.op) || a.op !== 'expand' || sizeOf(a.inputs[0]!.shape) !== 1) return undefined;
  return expand(reshape(a.inputs[0]!, []), node.shape);
};

/**
 * f(expand(a), b) → f(a, b) where broadcasting gives the same shape, else expand(f(a, b)): nothing is computed twice,
 * and most expansions meet an operand of full size sooner or later. The gradients of sums and means begin with one.
 */
const expandLast: Rule = (node) => {
  if (!elementwise.has(node.op) || node.inputs.every((input) => input.op !== 'expand')) return undefined;
  const inputs = node.inputs.map((input) => (input.op === 'expand' ? input.inputs[0]! : input));
  const shape = inputs.map((x) => x.shape).reduce((a, b) => broadcastShapes(node.op, a, b));
  const result = rebuild(node, inputs);
  return sameShape(shape, node.shape) ? result : expand(result, node.shape);
};

/** The sum of equal elements is a product: Σ expand(a) → Σ a · n. */
const sumOfExpand: Rule = (node) => {
  const [spread] = node.inputs as [Node];
  if (node.op !== 'sum' || spread.op !== 'expand') return undefined;
  const [source] = spread.inputs as [Node];
  const missing = spread.shape.length - source.shape.length;
  const full = [...Array.from({ length: missing }, () => 1), ...source.shape];
  const axes = node.attrs['axes'] as readonly number[];
  const repeated = axes.filter((axis) => full[axis] !== spread.shape[axis]);
  if (repeated.length === 0) return undefined;
  const count = sizeOf(repeated.map((axis) => spread.shape[axis]!));
  if (node.dtype === 'float16' && count > 2048) return undefined; // no float16 holds every count beyond it
  const kept = spread.shape.map((d, axis) => (axes.includes(axis) ? 1 : d));
  const once = sum(
    reshape(source, full),
    axes.filter((axis) => full[axis] !== 1),
    true,
  );
  return reshape(expand(ops.mul(once, scalar(count, node.dtype)), kept), node.shape);
};

const rules: readonly Rule[] = [
  noElements,
  emptySum,
  foldScalars,
  constantLast,
  neutral,
  signs,
  twice,
  scaleOnce,
  divideByPowerOfTwo,
  reshapeConstant,
  reduceOne,
  moveOnce,
  moveUniform,
  expandLast,
  sumOfExpand,
];
