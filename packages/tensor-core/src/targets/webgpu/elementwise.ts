/**
 * Elementwise ops as WGSL expressions over f32, i32, u32 or bool operands, with what they cost and the functions they
 * call.
 */
import { type DType, isFloat } from '../../dtype.ts';
import { type Node } from '../../graph/node.ts';
import { computeType, literal } from './literals.ts';

interface Elementwise {
  /** WGSL of the result, from names of the operands. */
  readonly write: (operands: readonly string[], node: Node) => string;
  /** About how many additions take as long. */
  readonly cost: number;
  /** A key of `helpers`. */
  readonly helper?: string;
}

/** WGSL's own functions are undefined where these are not: beyond float32's range, at 0, for negative bases. */
export const helpers: Readonly<Record<string, string>> = {
  power: `
fn power(a: f32, b: f32) -> f32 {
  if (b == 0.0f) { return 1.0f; }
  if (b == 1.0f) { return a; }
  if (b == 2.0f) { return a * a; }
  if (b == 0.5f) { return sqrt(a); }
  if (b == -1.0f) { return 1.0f / a; }
  let size = abs(a);
  if (size == 0.0f) { return select(1.0f / size, 0.0f, b > 0.0f); }
  var result = pow(size, b);
  if (b == 3.0f) { result = size * size * size; }
  if (a < 0.0f) {
    if (b != floor(b)) { result = sqrt(a); } // no number
    else if (abs(b - 2.0f * floor(b * 0.5f)) == 1.0f) { result = -result; }
  }
  return result;
}`,
  integer_power: `
fn integer_power(a: i32, b: i32) -> i32 {
  var result = 1;
  var base = a;
  var left = b;
  if (left < 0) {
    return select(0, select(1, a, (left & 1) != 0), a == 1 || a == -1);
  }
  loop {
    if (left == 0) { break; }
    if ((left & 1) != 0) { result = result * base; }
    base = base * base;
    left = left >> 1u;
  }
  return result;
}`,
  // tanh and exp overflow on some devices where their results do not.
  tanh_: `
fn tanh_(x: f32) -> f32 {
  let size = abs(x);
  if (size < 0.1f) {
    let y = x * x;
    return x * (1.0f + y * (-0.33333334f + y * (0.13333334f + y * -0.053968254f)));
  }
  if (size > 15.0f) { return sign(x); }
  let e = exp(-2.0f * size);
  return sign(x) * ((1.0f - e) / (1.0f + e));
}`,
  sigmoid_: `
fn sigmoid_(x: f32) -> f32 {
  let e = exp(-abs(x));
  return select(e, 1.0f, x >= 0.0f) / (1.0f + e);
}`,
  silu_gradient: `
fn silu_gradient(x: f32, g: f32) -> f32 {
  let s = sigmoid_(x);
  return g * (s * (1.0f + x * (1.0f - s)));
}`,
  // A rational approximation good to a few units in the last place; |x| ≥ 4 is 1.
  erf_: `
fn erf_(given: f32) -> f32 {
  let x = clamp(given, -4.0f, 4.0f);
  let y = x * x;
  var p = -2.72614225801306e-10f;
  p = p * y + 2.77068142495902e-08f;
  p = p * y - 2.10102402082508e-06f;
  p = p * y - 5.69250639462346e-05f;
  p = p * y - 7.34990630326855e-04f;
  p = p * y - 2.95459980854025e-03f;
  p = p * y - 1.60960333262415e-02f;
  var q = -1.45660718464996e-05f;
  q = q * y - 2.13374055278905e-04f;
  q = q * y - 1.68282697438203e-03f;
  q = q * y - 7.37332916720468e-03f;
  q = q * y - 1.42647390514189e-02f;
  return x * p / q;
}`,
};

function infix(operator: string): Elementwise {
  return { write: ([a, b]) => `${a} ${operator} ${b}`, cost: 1 };
}

function call(name: string, cost: number): Elementwise {
  return { write: ([a]) => `${name}(${a})`, cost };
}

function helped(helper: string, cost: number): Elementwise {
  return { ...call(helper, cost), helper };
}

export const elementwise: Readonly<Record<string, Elementwise>> = {
  add: infix('+'),
  sub: infix('-'),
  mul: infix('*'),
  div: { write: ([a, b]) => `${a} / ${b}`, cost: 2 },
  pow: {
    write: ([a, b], { dtype }) => `${isFloat(dtype) ? 'power' : 'integer_power'}(${a}, ${b})`,
    cost: 10,
  },
  // Comparisons let NaN through, which max and min may not.
  maximum: { write: ([a, b]) => `select(${a}, ${b}, ${a} < ${b})`, cost: 1 },
  minimum: { write: ([a, b]) => `select(${a}, ${b}, ${b} < ${a})`, cost: 1 },
  less: infix('<'),
  greater: infix('>'),
  equal: infix('=='),
  where: { write: ([c, a, b]) => `select(${b}, ${a}, ${c})`, cost: 1 },
  neg: { write: ([a]) => `-${a}`, cost: 1 },
  exp: call('exp', 4),
  log: call('log', 4),
  sqrt: call('sqrt', 2),
  reciprocal: { write: ([a]) => `1.0f / ${a}`, cost: 2 },
  square: { write: ([a]) => `${a} * ${a}`, cost: 1 },
  abs: call('abs', 1),
  sign: call('sign', 1),
  sin: call('sin', 6),
  cos: call('cos', 6),
  tanh: helped('tanh_', 8),
  sigmoid: helped('sigmoid_', 6),
  erf: helped('erf_', 16),
  relu: { write: ([a]) => `select(${a}, 0.0f, ${a} < 0.0f)`, cost: 1 },
  silu: { write: ([a]) => `${a} * sigmoid_(${a})`, cost: 7, helper: 'sigmoid_' },
  siluGradient: {
    write: ([x, g]) => `silu_gradient(${x}, ${g})`,
    cost: 10,
    helper: 'silu_gradient',
  },
  cast: { write: ([a], node) => convert(a!, node.inputs[0]!.dtype, node.dtype), cost: 1 },
  identity: { write: ([a]) => a!, cost: 0 },
  stopGradient: { write: ([a]) => a!, cost: 0 },
};

/** Helpers that a node's expression calls, those that they call in front. */
export function helpersOf(node: Node): readonly string[] {
  if (node.op === 'pow') return [isFloat(node.dtype) ? 'power' : 'integer_power'];
  if (node.op === 'siluGradient') return ['sigmoid_', 'silu_gradient'];
  const helper = elementwise[node.op]?.helper;
  return helper ? [helper] : [];
}

/** Between element types: floats to whole numbers are cut towards zero, float16 is rounded to. */
function convert(a: string, from: DType, to: DType): string {
  const source = computeType(from);
  if (to === 'float16') return `f32(f16(${source === 'f32' ? a : `f32(${a})`}))`;
  switch (computeType(to)) {
    case source:
      return a;
    case 'bool':
      return `${a} != ${literal(0, from)}`;
    case 'u32':
      return source === 'f32' ? `(u32(i32(${a})) & 255u)` : `(u32(${a}) & 255u)`;
    default:
      return `${computeType(to)}(${a})`;
  }
}
