/**
 * Elementwise arithmetic, with NumPy broadcasting between two operands of one dtype.
 *
 * Gradients of broadcast operands are summed back to the operand's shape.
 */
import { allocate, checkDType, type DType, FLOATS, isFloat, NUMBERS, SIGNED } from '../dtype.ts';
import { DTypeError } from '../errors.ts';
import { defineOp, type GradientContext, type Node, type TensorType } from '../graph/node.ts';
import { broadcastShapes } from '../shape.ts';
import { scalar, sumTo } from './shared.ts';

type UnaryGradient = (x: Node, y: Node, cotangent: Node) => Node;

function unary(
  name: string,
  gradient: UnaryGradient | undefined,
  decompose?: (x: Node) => Node,
): (x: Node) => Node {
  const make = defineOp({
    name,
    infer: ([x]) => {
      checkDType(name, x!.dtype, name === 'neg' || name === 'abs' ? SIGNED : FLOATS);
      return x!;
    },
    ...(gradient
      ? {
          gradient: ({ inputs: [x], output, cotangent }: GradientContext) => [
            gradient(x!, output, cotangent),
          ],
        }
      : { constantGradient: true }),
    ...(decompose ? { decompose: ([x]: readonly Node[]) => decompose(x!) } : {}),
  });
  return (x) => make([x], {});
}

/** The operands' dtype, which is the same for both and one of `allowed`. */
function sameTypes(op: string, inputs: readonly TensorType[], allowed: readonly DType[]): DType {
  const [a, b] = inputs as readonly [TensorType, TensorType];
  if (a.dtype !== b.dtype) {
    throw new DTypeError(`${op}: operands are ${a.dtype} and ${b.dtype}; cast one of them`);
  }
  checkDType(op, a.dtype, allowed);
  return a.dtype;
}

type BinaryGradient = (a: Node, b: Node, y: Node, cotangent: Node) => readonly [() => Node, () => Node];

function binary(name: string, gradient: BinaryGradient): (a: Node, b: Node) => Node {
  const make = defineOp({
    name,
    infer: (inputs) => ({
      shape: broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape),
      dtype: sameTypes(name, inputs, name === 'pow' ? SIGNED : NUMBERS),
    }),
    gradient: ({ inputs: [a, b], output, cotangent, needs }) => {
      const [forA, forB] = gradient(a!, b!, output, cotangent);
      return [needs[0] ? sumTo(forA(), a!.shape) : undefined, needs[1] ? sumTo(forB(), b!.shape) : undefined];
    },
  });
  return (a, b) => make([a, b], {});
}

export const add = binary('add', (_a, _b, _y, g) => [() => g, () => g]);
export const sub = binary('sub', (_a, _b, _y, g) => [() => g, () => neg(g)]);
export const mul = binary('mul', (a, b, _y, g) => [() => mul(g, b), () => mul(g, a)]);
export const div = binary('div', (_a, b, y, g) => [() => div(g, b), () => neg(div(mul(g, y), b))]);
/** a^b; the gradient with respect to b needs a > 0. */
export const pow = binary('pow', (a, b, y, g) => [
  () => mul(g, powerSlope(a, b)),
  () => mul(g, mul(y, log(a))),
]);

/** d(a^b)/da = b · a^(b−1); 0 where b is the number 0, also where a is 0 and a^−1 is not finite. */
function powerSlope(a: Node, b: Node): Node {
  const exponent =
    b.op === 'constant' && b.dtype === 'float32' && b.value?.length === 1 ? b.value[0] : undefined;
  if (exponent === 0) return b;
  return mul(b, pow(a, exponent === undefined ? sub(b, scalar(1, b.dtype)) : scalar(exponent - 1)));
}
/** Where the operands are equal, the gradient goes in halves to both, as in PyTorch. */
export const maximum = binary('maximum', (a, b, _y, g) => [
  () => mul(g, share(a, b)),
  () => mul(g, share(b, a)),
]);
export const minimum = binary('minimum', (a, b, _y, g) => [
  () => mul(g, share(b, a)),
  () => mul(g, share(a, b)),
]);

/** 1 where a > b, ½ where they are equal, 0 elsewhere. */
function share(a: Node, b: Node): Node {
  return add(cast(greater(a, b), a.dtype), mul(scalar(0.5, a.dtype), cast(equal(a, b), a.dtype)));
}

export const neg = unary('neg', (_x, _y, g) => neg(g));
export const exp = unary('exp', (_x, y, g) => mul(g, y));
export const log = unary('log', (x, _y, g) => div(g, x));
export const sqrt = unary('sqrt', (_x, y, g) => div(mul(g, scalar(0.5, g.dtype)), y));
export const reciprocal = unary('reciprocal', (_x, y, g) => neg(mul(g, square(y))));
export const square = unary('square', (x, _y, g) => mul(g, mul(scalar(2, g.dtype), x)));
export const abs = unary('abs', (x, _y, g) => mul(g, sign(x)));
export const sign = unary('sign', undefined);
export const sin = unary('sin', (x, _y, g) => mul(g, cos(x)));
export const cos = unary('cos', (x, _y, g) => neg(mul(g, sin(x))));
export const tanh = unary('tanh', (_x, y, g) => mul(g, sub(scalar(1, g.dtype), square(y))));
export const sigmoid = unary('sigmoid', (_x, y, g) => mul(g, mul(y, sub(scalar(1, g.dtype), y))));
export const erf = unary('erf', (x, _y, g) =>
  mul(g, mul(scalar(2 / Math.sqrt(Math.PI), g.dtype), exp(neg(square(x))))),
);
export const relu = unary('relu', (x, _y, g) => mul(g, cast(greater(x, scalar(0, x.dtype)), x.dtype)));
/** x · sigmoid(x) (Elfwing et al. 2017, also "swish"). */
export const silu = unary(
  'silu',
  (x, _y, g) => siluGradient(x, g),
  (x) => mul(x, sigmoid(x)),
);
/** The exact Gaussian error linear unit: x · Φ(x). */
export function gelu(x: Node): Node {
  const half = scalar(0.5, x.dtype);
  return mul(mul(x, half), add(erf(mul(x, scalar(Math.SQRT1_2, x.dtype))), scalar(1, x.dtype)));
}

const makeSiluGradient = defineOp({
  name: 'siluGradient',
  infer: ([x]) => x!,
  decompose: ([x, g]) => {
    const s = sigmoid(x!);
    return mul(g!, mul(s, add(scalar(1, x!.dtype), mul(x!, sub(scalar(1, x!.dtype), s)))));
  },
});
/** cotangent · s · (1 + x · (1 − s)) with s = sigmoid(x). */
function siluGradient(x: Node, cotangent: Node): Node {
  return makeSiluGradient([x, cotangent], {});
}

function comparison(name: string): (a: Node, b: Node) => Node {
  const make = defineOp({
    name,
    infer: (inputs) => {
      sameTypes(name, inputs, name === 'equal' ? [...NUMBERS, 'bool'] : NUMBERS);
      return { shape: broadcastShapes(name, inputs[0]!.shape, inputs[1]!.shape), dtype: 'bool' };
    },
    constantGradient: true,
  });
  return (a, b) => make([a, b], {});
}

export const less = comparison('less');
export const greater = comparison('greater');
export const equal = comparison('equal');

const makeWhere = defineOp({
  name: 'where',
  infer: ([condition, a, b]) => {
    if (condition!.dtype !== 'bool') {
      throw new DTypeError(
        `where: the condition must be bool, got ${condition!.dtype}; compare or cast it first`,
      );
    }
    const values = broadcastShapes('where', a!.shape, b!.shape);
    return {
      shape: broadcastShapes('where', condition!.shape, values),
      dtype: sameTypes('where', [a!, b!], NUMBERS),
    };
  },
  gradient: ({ inputs: [condition, a, b], cotangent, needs }) => {
    const zero = scalar(0, cotangent.dtype);
    return [
      undefined,
      needs[1] ? sumTo(where(condition!, cotangent, zero), a!.shape) : undefined,
      needs[2] ? sumTo(where(condition!, zero, cotangent), b!.shape) : undefined,
    ];
  },
});
/** `a` where `condition` (bool) holds, else `b`. */
export function where(condition: Node, a: Node, b: Node): Node {
  return makeWhere([condition, a, b], {});
}

const makeCast = defineOp<{ dtype: string }>({
  name: 'cast',
  infer: ([x], { dtype }) => ({ shape: x!.shape, dtype: dtype as DType }),
  gradient: ({ inputs: [x], cotangent }) => [isFloat(x!.dtype) ? cast(cotangent, x!.dtype) : undefined],
});
/** Converts the element type; float to integer truncates towards zero. */
export function cast(x: Node, dtype: DType): Node {
  allocate(dtype, 0); // throws where there is no such dtype
  return x.dtype === dtype ? x : makeCast([x], { dtype });
}

const makeIdentity = defineOp({
  name: 'identity',
  infer: ([x]) => x!,
  gradient: ({ cotangent }) => [cotangent],
});
/** The same value as a node of its own: the boundary at which `grad` stops. */
export function identity(x: Node): Node {
  return makeIdentity([x], {});
}

const makeStopGradient = defineOp({ name: 'stopGradient', infer: ([x]) => x!, constantGradient: true });
/** The same value, through which no gradient flows. */
export function stopGradient(x: Node): Node {
  return makeStopGradient([x], {});
}
