/**
 * A second, naive implementation of every op: loops over float64, one number after another.
 *
 * Tests hold gradients (by finite differences), simplification and targets against it. It shares nothing with them but
 * the graph itself.
 */
import { type DType } from '../src/dtype.ts';
import { fromFloat16 } from '../src/float16.ts';
import { inputNode, type Node, opDefinition, topologicalOrder } from '../src/graph/node.ts';
import { sizeOf, stridesOf } from '../src/shape.ts';
import { interpretConv } from './interpreter-conv.ts';

export interface Value {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What becomes of every result: nothing, unless a test wants the rounding of its dtype. */
export type Rounding = (value: number, dtype: DType) => number;

/** The values of `outputs`, with `given` elements for their `input` nodes. */
export function interpret(
  outputs: readonly Node[],
  given: ReadonlyMap<Node, ArrayLike<number>> = new Map(),
  round: Rounding = (value) => value,
): Value[] {
  const values = new Map<Node, Value>();
  const valueOf = (node: Node): Value => values.get(node)!;
  for (const node of topologicalOrder(outputs)) {
    const value = { shape: node.shape, data: compute(node, node.inputs.map(valueOf), given) };
    if (value.data.length !== sizeOf(node.shape)) throw new Error(`interpreter: ${node.op} has another size`);
    if (node.inputs.length > 0) value.data.forEach((x, i) => (value.data[i] = round(x, node.dtype)));
    values.set(node, value);
  }
  return outputs.map(valueOf);
}

const unary: Readonly<Record<string, (x: number) => number>> = {
  neg: (x) => -x,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  reciprocal: (x) => 1 / x,
  square: (x) => x * x,
  abs: Math.abs,
  sign: Math.sign,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  erf,
  relu: (x) => Math.max(x, 0),
  silu: (x) => x / (1 + Math.exp(-x)),
  identity: (x) => x,
  stopGradient: (x) => x,
};

const broadcasting: Readonly<Record<string, (...x: number[]) => number>> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => a ** b,
  maximum: (a, b) => Math.max(a, b),
  minimum: (a, b) => Math.min(a, b),
  less: (a, b) => Number(a < b),
  greater: (a, b) => Number(a > b),
  equal: (a, b) => Number(a === b),
  where: (condition, a, b) => (condition ? a : b),
};

/** Π e^(−x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!: every term has the same sign. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let total = x;
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(total); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

/** Calls `visit` with every index of `shape`, in row-major order. */
export function eachIndex(shape: readonly number[], visit: (index: number[], at: number) => void): void {
  const size = sizeOf(shape);
  const index = shape.map(() => 0);
  for (let at = 0; at < size; at++) {
    visit(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]! += 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** The element at `index` of an output that `value` broadcasts to. */
function at({ shape, data }: Value, index: readonly number[]): number {
  const strides = stridesOf(shape);
  const lead = index.length - shape.length;
  let offset = 0;
  shape.forEach((d, axis) => (offset += (d === 1 ? 0 : index[lead + axis]!) * strides[axis]!));
  return data[offset]!;
}

function fill(shape: readonly number[], f: (index: number[]) => number): Float64Array {
  const data = new Float64Array(sizeOf(shape));
  eachIndex(shape, (index, i) => (data[i] = f(index)));
  return data;
}

function leaf(node: Node, given: ReadonlyMap<Node, ArrayLike<number>>): Float64Array {
  const source = node.op === 'input' ? given.get(node) : (node.value ?? node.storage?.host);
  if (!source) throw new Error(`interpreter: no elements for ${node.op} ${node.id}`);
  const data = Float64Array.from(source);
  return node.dtype === 'float16' && node.op !== 'input' ? data.map(fromFloat16) : data;
}

function compute(
  node: Node,
  inputs: readonly Value[],
  given: ReadonlyMap<Node, ArrayLike<number>>,
): Float64Array {
  const { op, shape, attrs } = node;
  if (node.inputs.length === 0) return leaf(node, given);
  const [x, y] = inputs as [Value, Value];
  const numbers = (name: string): readonly number[] => attrs[name] as readonly number[];
  if (unary[op]) return x.data.map(unary[op]);
  if (broadcasting[op]) {
    const f = broadcasting[op];
    const whole = node.dtype === 'int32' && op === 'div';
    return fill(shape, (index) => (whole ? Math.trunc : Number)(f(...inputs.map((v) => at(v, index)))));
  }
  switch (op) {
    case 'cast':
      if (node.dtype === 'bool') return x.data.map((v) => Number(v !== 0));
      return node.dtype === 'int32' || node.dtype === 'uint8' ? x.data.map(Math.trunc) : x.data.slice();
    case 'reshape':
      return x.data.slice();
    case 'expand':
      return fill(shape, (index) => at(x, index));
    case 'transpose':
      return fill(shape, (index) => {
        const source: number[] = [];
        numbers('permutation').forEach((axis, i) => (source[axis] = index[i]!));
        return at(x, source);
      });
    case 'slice':
      return fill(shape, (index) =>
        direct(
          x,
          index.map((v, axis) => v + numbers('starts')[axis]!),
        ),
      );
    case 'pad': {
      const pairs = attrs['pairs'] as readonly (readonly number[])[];
      return fill(shape, (index) => {
        const source = index.map((v, axis) => v - pairs[axis]![0]!);
        const inside = source.every((v, axis) => v >= 0 && v < x.shape[axis]!);
        return inside ? direct(x, source) : (attrs['value'] as number);
      });
    }
    case 'flip':
      return fill(shape, (index) =>
        direct(
          x,
          index.map((v, axis) => (numbers('axes').includes(axis) ? x.shape[axis]! - 1 - v : v)),
        ),
      );
    case 'concat': {
      const axis = attrs['axis'] as number;
      return fill(shape, (index) => {
        const source = [...index];
        const part = inputs.find((value) => {
          if (source[axis]! < value.shape[axis]!) return true;
          source[axis]! -= value.shape[axis]!;
          return false;
        });
        return direct(part!, source);
      });
    }
    case 'sum':
    case 'max': {
      const kept = x.shape.map((d, axis) => (numbers('axes').includes(axis) ? 1 : d));
      const strides = stridesOf(kept);
      const data = new Float64Array(sizeOf(kept)).fill(op === 'sum' ? 0 : -Infinity);
      eachIndex(x.shape, (index, i) => {
        let to = 0;
        kept.forEach((d, axis) => (to += (d === 1 ? 0 : index[axis]!) * strides[axis]!));
        data[to] = op === 'sum' ? data[to]! + x.data[i]! : Math.max(data[to]!, x.data[i]!);
      });
      return data;
    }
    case 'matmul': {
      const [ta, tb] = [attrs['transposeA'] === true, attrs['transposeB'] === true];
      const inner = x.shape.at(ta ? -2 : -1)!;
      return fill(shape, (index) => {
        const batch = index.slice(0, -2);
        const [row, column] = index.slice(-2) as [number, number];
        let total = 0;
        for (let k = 0; k < inner; k++) {
          const a = matrixElement(x, batch, ta ? k : row, ta ? row : k);
          total += a * matrixElement(y, batch, tb ? column : k, tb ? k : column);
        }
        return total;
      });
    }
    case 'softmax': {
      const axis = attrs['axis'] as number;
      return fill(shape, (index) => {
        const alone = (k: number): number =>
          direct(
            x,
            index.map((v, i) => (i === axis ? k : v)),
          );
        const line = Array.from({ length: shape[axis]! }, (_, k) => alone(k));
        const largest = Math.max(...line);
        const total = line.reduce((sum, v) => sum + Math.exp(v - largest), 0);
        return Math.exp(direct(x, index) - largest) / total;
      });
    }
    case 'gather':
      return fill(shape, (index) => {
        const k = y.shape.length;
        return direct(x, [direct(y, index.slice(0, k)), ...index.slice(k)]);
      });
    case 'scatterAdd': {
      const data = new Float64Array(sizeOf(shape));
      const row = sizeOf(shape.slice(1));
      x.data.forEach((to, from) => {
        for (let i = 0; i < row; i++) data[to * row + i]! += y.data[from * row + i]!;
      });
      return data;
    }
    case 'avgPool2d': {
      const k = attrs['kernel'] as number;
      return fill(shape, ([n, c, h, w]) => {
        let total = 0;
        eachIndex([k, k], ([i, j]) => (total += direct(x, [n!, c!, h! * k + i!, w! * k + j!])));
        return total / k ** 2;
      });
    }
    case 'upsampleNearest2d': {
      const k = attrs['scale'] as number;
      return fill(shape, ([n, c, h, w]) => direct(x, [n!, c!, Math.floor(h! / k), Math.floor(w! / k)]));
    }
    case 'conv2d':
    case 'conv2dInputGradient':
    case 'conv2dWeightGradient':
      return interpretConv(node, inputs);
    default: {
      const { decompose } = opDefinition(op);
      if (!decompose) throw new Error(`interpreter: no ${op}`);
      const places = node.inputs.map(inputNode);
      const elements = new Map(places.map((place, i) => [place, inputs[i]!.data]));
      return interpret([decompose(places, attrs)], elements)[0]!.data;
    }
  }
}

/** The element at exactly this index. */
function direct({ shape, data }: Value, index: readonly number[]): number {
  const strides = stridesOf(shape);
  let offset = 0;
  index.forEach((v, axis) => (offset += v * strides[axis]!));
  return data[offset]!;
}

/** An element of a matrix in a batch that is broadcast to `batch`. */
function matrixElement(
  { shape, data }: Value,
  batch: readonly number[],
  row: number,
  column: number,
): number {
  const lead = shape.slice(0, -2);
  const strides = stridesOf(shape);
  let offset = row * strides.at(-2)! + column;
  lead.forEach((d, axis) => {
    offset += (d === 1 ? 0 : batch[batch.length - lead.length + axis]!) * strides[axis]!;
  });
  return data[offset]!;
}
