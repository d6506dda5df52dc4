/**
 * 2-D convolution (cross-correlation, as in PyTorch) and its two gradients.
 *
 * The three are linear in both operands and are each other's adjoints, so gradients of any order stay in the family.
 */
import { checkDType, FLOATS } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { defineOp, type Node, type TensorType } from '../graph/node.ts';
import { formatShape } from '../shape.ts';
import { reshape } from './movement.ts';
import { sum } from './reduce.ts';

export type ConvAttrs = {
  /** [vertical, horizontal] */
  stride: readonly number[];
  /** [top, left, bottom, right] zeros around the input */
  padding: readonly number[];
  dilation: readonly number[];
  groups: number;
};

export interface ConvOptions {
  stride?: number | readonly number[];
  padding?: number | readonly number[];
  dilation?: number | readonly number[];
  groups?: number;
}

function pair(value: number | readonly number[] | undefined, fallback: number): readonly number[] {
  if (value === undefined) return [fallback, fallback];
  return typeof value === 'number' ? [value, value] : value;
}

function attrsOf(options: ConvOptions): ConvAttrs {
  const { padding = 0, groups = 1 } = options;
  const attrs: ConvAttrs = {
    stride: pair(options.stride, 1),
    padding: typeof padding === 'number' ? [padding, padding, padding, padding] : padding,
    dilation: pair(options.dilation, 1),
    groups,
  };
  const whole = (list: readonly number[], length: number, least: number): boolean =>
    list.length === length && list.every((n) => Number.isInteger(n) && n >= least);
  if (
    !whole(attrs.stride, 2, 1) ||
    !whole(attrs.padding, 4, 0) ||
    !whole(attrs.dilation, 2, 1) ||
    !whole([groups], 1, 1)
  ) {
    throw new ShapeError(
      `conv2d: wants stride and dilation of at least 1 (one number or two), padding of at least 0 (one number or [top, left, bottom, right]) and groups of at least 1, got ${JSON.stringify(options)}`,
    );
  }
  return attrs;
}

function outputExtent(size: number, kernel: number, axis: number, attrs: ConvAttrs): number {
  const padded = size + attrs.padding[axis]! + attrs.padding[axis + 2]!;
  return Math.floor((padded - attrs.dilation[axis]! * (kernel - 1) - 1) / attrs.stride[axis]!) + 1;
}

function inferConv(inputs: readonly TensorType[], attrs: ConvAttrs): TensorType {
  const [x, w, bias] = inputs as readonly [TensorType, TensorType, TensorType | undefined];
  const describe = `input ${formatShape(x.shape)}, weight ${formatShape(w.shape)}, groups ${attrs.groups}`;
  if (x.shape.length !== 4 || w.shape.length !== 4) {
    throw new ShapeError(
      `conv2d: wants input [N, C, H, W] and weight [O, C / groups, kh, kw], got ${describe}`,
    );
  }
  if (x.dtype !== w.dtype || (bias && bias.dtype !== x.dtype)) {
    throw new DTypeError(
      `conv2d: input is ${x.dtype}, weight ${w.dtype}${bias ? `, bias ${bias.dtype}` : ''}; cast them to one dtype`,
    );
  }
  checkDType('conv2d', x.dtype, FLOATS);
  const [n, c, h, wd] = x.shape as [number, number, number, number];
  const [o, i, kh, kw] = w.shape as [number, number, number, number];
  if (i * attrs.groups !== c || o % attrs.groups !== 0) {
    throw new ShapeError(
      `conv2d: the input's ${c} channels do not match a weight for ${i} × ${attrs.groups}: ${describe}`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== o)) {
    throw new ShapeError(`conv2d: wants a bias of [${o}], got ${formatShape(bias.shape)}`);
  }
  const out = [outputExtent(h, kh, 0, attrs), outputExtent(wd, kw, 1, attrs)];
  if (out.some((d) => d < 1)) {
    throw new ShapeError(
      `conv2d: the kernel is larger than the padded input: ${describe}, padding ${formatShape(attrs.padding)}`,
    );
  }
  return { shape: [n, o, ...out], dtype: x.dtype };
}

const makeConv = defineOp<ConvAttrs>({
  name: 'conv2d',
  infer: inferConv,
  gradient: ({ inputs: [x, w, bias], attrs, cotangent, needs }) => [
    needs[0] ? inputGradient(cotangent, w!, attrs, x!.shape.slice(2)) : undefined,
    needs[1] ? weightGradient(x!, cotangent, attrs, w!.shape.slice(2)) : undefined,
    ...(bias ? [needs[2] ? reshape(sum(cotangent, [0, 2, 3]), bias.shape) : undefined] : []),
  ],
});

/**
 * Convolution of `x` [N, C, H, W] with `w` [O, C / groups, kh, kw] and an optional `bias` [O] → [N, O, H', W'].
 */
export function conv2d(x: Node, w: Node, bias?: Node, options: ConvOptions = {}): Node {
  return makeConv(bias ? [x, w, bias] : [x, w], attrsOf(options));
}

export type ConvInputGradientAttrs = ConvAttrs & { inputSize: readonly number[] };

const makeInputGradient = defineOp<ConvInputGradientAttrs>({
  name: 'conv2dInputGradient',
  infer: ([g, w], { groups, inputSize }) => ({
    shape: [g!.shape[0]!, w!.shape[1]! * groups, ...inputSize],
    dtype: g!.dtype,
  }),
  gradient: ({ inputs: [g, w], attrs, cotangent, needs }) => [
    needs[0] ? makeConv([cotangent, w!], plain(attrs)) : undefined,
    needs[1] ? weightGradient(cotangent, g!, plain(attrs), w!.shape.slice(2)) : undefined,
  ],
});
/** dLoss/dx of conv2d(x, w), from dLoss/dy `g` [N, O, H', W']. */
function inputGradient(g: Node, w: Node, attrs: ConvAttrs, inputSize: readonly number[]): Node {
  return makeInputGradient([g, w], { ...attrs, inputSize });
}

export type ConvWeightGradientAttrs = ConvAttrs & { kernelSize: readonly number[] };

const makeWeightGradient = defineOp<ConvWeightGradientAttrs>({
  name: 'conv2dWeightGradient',
  infer: ([x, g], { groups, kernelSize }) => ({
    shape: [g!.shape[1]!, x!.shape[1]! / groups, ...kernelSize],
    dtype: x!.dtype,
  }),
  gradient: ({ inputs: [x, g], attrs, cotangent, needs }) => [
    needs[0] ? inputGradient(g!, cotangent, plain(attrs), x!.shape.slice(2)) : undefined,
    needs[1] ? makeConv([x!, cotangent], plain(attrs)) : undefined,
  ],
});
/** dLoss/dw of conv2d(x, w), from dLoss/dy `g` [N, O, H', W']. */
function weightGradient(x: Node, g: Node, attrs: ConvAttrs, kernelSize: readonly number[]): Node {
  return makeWeightGradient([x, g], { ...attrs, kernelSize });
}

function plain({ stride, padding, dilation, groups }: ConvAttrs): ConvAttrs {
  return { stride, padding, dilation, groups };
}
