/** The ops as free functions on tensors: what the package exports beside the methods of `Tensor`. */
import { type DType } from './dtype.ts';
import { ShapeError } from './errors.ts';
import { type Node } from './graph/node.ts';
import * as ops from './ops/index.ts';
import { formatShape, sameShape, type Shape, sizeOf } from './shape.ts';
import { full, nodeOf, type Operand, Tensor, tensor } from './tensor.ts';

function dtypeOfEither(a: Operand, b: Operand): DType {
  if (typeof a !== 'number') return a.dtype;
  return typeof b === 'number' ? 'float32' : b.dtype;
}

type BinaryFunction = (a: Operand, b: Operand) => Tensor;
function binary(op: (a: Node, b: Node) => Node): BinaryFunction {
  return (a, b) => {
    const dtype = dtypeOfEither(a, b);
    return new Tensor(op(nodeOf(a, dtype), nodeOf(b, dtype)));
  };
}

type UnaryFunction = (x: Tensor) => Tensor;
function unary(op: (x: Node) => Node): UnaryFunction {
  return (x) => new Tensor(op(x.node));
}

export const add: BinaryFunction = binary(ops.add);
export const sub: BinaryFunction = binary(ops.sub);
export const mul: BinaryFunction = binary(ops.mul);
export const div: BinaryFunction = binary(ops.div);
export const pow: BinaryFunction = binary(ops.pow);
export const maximum: BinaryFunction = binary(ops.maximum);
export const minimum: BinaryFunction = binary(ops.minimum);
export const less: BinaryFunction = binary(ops.less);
export const greater: BinaryFunction = binary(ops.greater);
export const equal: BinaryFunction = binary(ops.equal);
export const neg: UnaryFunction = unary(ops.neg);
export const exp: UnaryFunction = unary(ops.exp);
export const log: UnaryFunction = unary(ops.log);
export const sqrt: UnaryFunction = unary(ops.sqrt);
export const reciprocal: UnaryFunction = unary(ops.reciprocal);
export const square: UnaryFunction = unary(ops.square);
export const abs: UnaryFunction = unary(ops.abs);
export const sign: UnaryFunction = unary(ops.sign);
export const sin: UnaryFunction = unary(ops.sin);
export const cos: UnaryFunction = unary(ops.cos);
export const tanh: UnaryFunction = unary(ops.tanh);
export const sigmoid: UnaryFunction = unary(ops.sigmoid);
export const silu: UnaryFunction = unary(ops.silu);
export const relu: UnaryFunction = unary(ops.relu);
export const gelu: UnaryFunction = unary(ops.gelu);
export const erf: UnaryFunction = unary(ops.erf);
/** The same value, through which no gradient flows. */
export const stopGradient: UnaryFunction = unary(ops.stopGradient);

/** `a` where `condition` (bool) holds, else `b`; all three broadcast. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const dtype = dtypeOfEither(a, b);
  return new Tensor(ops.where(condition.node, nodeOf(a, dtype), nodeOf(b, dtype)));
}

/** Tensors joined along `axis`. */
export function concat(tensors: readonly Tensor[], axis: number): Tensor {
  return new Tensor(
    ops.concat(
      tensors.map((x) => x.node),
      axis,
    ),
  );
}

/** Tensors of one shape along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const at = axis < 0 ? axis + (tensors[0]?.ndim ?? 0) + 1 : axis;
  const widened = tensors.map((x) => x.reshape([...x.shape.slice(0, at), 1, ...x.shape.slice(at)]));
  return concat(widened, at);
}

/** a · b over the last two axes; `transposeA` and `transposeB` read an operand transposed. */
export function matmul(a: Tensor, b: Tensor, options: Partial<ops.MatmulAttrs> = {}): Tensor {
  return a.matmul(b, options);
}

/** x [..., I] · weightᵀ + bias, with weight [O, I] and bias [O] as in PyTorch. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [o, i] = weight.shape;
  const fits = weight.ndim === 2 && x.ndim >= 1 && x.shape.at(-1) === i;
  if (!fits || (bias && !sameShape(bias.shape, [o!]))) {
    const given = [x, weight, ...(bias ? [bias] : [])].map((t) => formatShape(t.shape)).join(', ');
    throw new ShapeError(`linear: wants x [..., I], weight [O, I] and bias [O], got ${given}`);
  }
  const flat = x.reshape([sizeOf(x.shape.slice(0, -1)), i!]);
  const product = flat.matmul(weight, { transposeB: true });
  const shifted = bias ? product.add(bias) : product;
  return shifted.reshape([...x.shape.slice(0, -1), o!]);
}

/**
 * Convolution of `x` [N, C, H, W] with `weight` [O, C / groups, kh, kw] → [N, O, H', W'].
 *
 * @param options.padding one number, or [top, left, bottom, right]
 */
export function conv2d(x: Tensor, weight: Tensor, options: ops.ConvOptions & { bias?: Tensor } = {}): Tensor {
  const { bias, ...rest } = options;
  return new Tensor(ops.conv2d(x.node, weight.node, bias?.node, rest));
}

/** Means over `kernel` × `kernel` windows of [N, C, H, W]; `stride` defaults to the kernel. */
export function avgPool2d(x: Tensor, options: { kernel: number; stride?: number; padding?: number }): Tensor {
  return new Tensor(ops.avgPool2d(x.node, options));
}

/**
 * Largest elements of `kernel` × `kernel` windows of [N, C, H, W]; `stride` defaults to the kernel, `padding` (at most half
 * of it) counts as −∞. The gradient goes to the first of several largest.
 */
export function maxPool2d(x: Tensor, options: { kernel: number; stride?: number; padding?: number }): Tensor {
  return new Tensor(ops.maxPool2d(x.node, options));
}

/** Every element of [N, C, H, W] repeated `scale` × `scale` times. */
export function upsampleNearest2d(x: Tensor, scale: number): Tensor {
  return new Tensor(ops.upsampleNearest2d(x.node, scale));
}

/**
 * [B, C, H, W] → [B, C, H', W'], bilinear, as torch.nn.functional.interpolate(mode='bilinear'); the gradient flows through.
 *
 * @param options.alignCorners the centres of corner pixels stay where they are; without it the image's edges do
 * @param options.antialias where the image shrinks, every pixel counts
 * @throws ShapeError for another number of axes, or an extent below 1
 */
export function resizeBilinear(
  x: Tensor,
  size: readonly [number, number],
  options: ops.ResizeOptions = {},
): Tensor {
  return new Tensor(ops.resizeBilinear(x.node, size, options));
}

/** exp(x) / Σ exp(x) along `axis`. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return new Tensor(ops.softmax(x.node, axis));
}

/** x − log Σ exp(x) along `axis`. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return new Tensor(ops.logSoftmax(x.node, axis));
}

/** softmax(q kᵀ · scale) v over [..., L, d]; `scale` defaults to 1 / √d. */
export function scaledDotProductAttention(q: Tensor, k: Tensor, v: Tensor, scale?: number): Tensor {
  return new Tensor(ops.scaledDotProductAttention(q.node, k.node, v.node, scale));
}

/** Normalises [N, C, ...] over each of `groups` groups of channels; weight and bias are [C]. */
export function groupNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  options: { groups: number; eps: number },
): Tensor {
  return new Tensor(ops.groupNorm(x.node, weight.node, bias.node, options));
}

/** Normalises the last axis. */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, options: { eps: number }): Tensor {
  return new Tensor(ops.layerNorm(x.node, weight.node, bias.node, options));
}

/** Rows of `weight` [V, D] at `indices` (int32) [...] → [..., D]. */
export function embedding(weight: Tensor, indices: Tensor): Tensor {
  return new Tensor(ops.embedding(weight.node, indices.node));
}

/** Slices of `x` along `axis` at `indices` (int32). */
export function gather(x: Tensor, indices: Tensor, axis = 0): Tensor {
  return new Tensor(ops.gather(x.node, indices.node, axis));
}

/**
 * Each element kept with probability 1 − p and scaled by 1 / (1 − p).
 *
 * @param key int32 [B, 2], a stream per sample; `salt` tells layers apart under one key
 */
export function dropout(x: Tensor, p: number, key: Tensor, salt = 0): Tensor {
  return new Tensor(ops.dropout(x.node, p, key.node, salt));
}

/** Uniform float32 in [0, 1) with 16 bits, of `shape` [B, ...], row b from key row b (int32 [B, 2]). */
export function randomUniform(key: Tensor, shape: Shape, salt = 0): Tensor {
  return new Tensor(ops.randomUniform(key.node, shape, salt));
}

export function zeros(shape: Shape, dtype: DType = 'float32'): Tensor {
  return full(shape, 0, dtype);
}

export function ones(shape: Shape, dtype: DType = 'float32'): Tensor {
  return full(shape, 1, dtype);
}

/** 0, 1, …, n − 1. */
export function arange(n: number, dtype: 'float32' | 'int32' = 'float32'): Tensor {
  return tensor(
    Array.from({ length: n }, (_, i) => i),
    [n],
    dtype,
  );
}
