/** Convolution and its gradients for the interpreter: one loop over all (output, tap) pairs serves the three. */
import { type Node } from '../src/graph/node.ts';
import { type ConvAttrs } from '../src/ops/index.ts';
import { sizeOf, stridesOf } from '../src/shape.ts';
import { eachIndex, type Value } from './interpreter.ts';

/** y[n, o, i, j] = Σ x[n, c, i·s + a·d − p, …] · w[o, c′, a, b], or the same sum solved for dx or dw. */
export function interpretConv(node: Node, inputs: readonly Value[]): Float64Array {
  const { stride, padding, dilation, groups } = node.attrs as ConvAttrs;
  const out = new Float64Array(sizeOf(node.shape));
  const self = { shape: node.shape, data: out };
  const [first, second, bias] = inputs as [Value, Value, Value | undefined];
  const roles = {
    conv2d: { x: first, w: second, y: self },
    conv2dInputGradient: { x: self, w: second, y: first },
    conv2dWeightGradient: { x: first, w: self, y: second },
  };
  const { x, w, y } = roles[node.op as keyof typeof roles];
  const [, c, h, wd] = x.shape as [number, number, number, number];
  const [o, perGroup, kh, kw] = w.shape as [number, number, number, number];
  const [n, , oh, ow] = y.shape as [number, number, number, number];
  const [xs, ws, ys] = [x, w, y].map((v) => stridesOf(v.shape)) as [number[], number[], number[]];
  eachIndex([n, o, oh, ow, perGroup, kh, kw], (index) => {
    const [in_, io, ii, ij, ic, ia, ib] = index as [number, number, number, number, number, number, number];
    const row = ii * stride[0]! + ia * dilation[0]! - padding[0]!;
    const column = ij * stride[1]! + ib * dilation[1]! - padding[1]!;
    if (row < 0 || row >= h || column < 0 || column >= wd) return;
    const channel = Math.floor(io / (o / groups)) * (c / groups) + ic;
    const xi = in_ * xs[0]! + channel * xs[1]! + row * xs[2]! + column;
    const wi = io * ws[0]! + ic * ws[1]! + ia * ws[2]! + ib;
    const yi = in_ * ys[0]! + io * ys[1]! + ii * ys[2]! + ij;
    if (node.op === 'conv2d') out[yi]! += x.data[xi]! * w.data[wi]!;
    else if (node.op === 'conv2dInputGradient') out[xi]! += y.data[yi]! * w.data[wi]!;
    else out[wi]! += x.data[xi]! * y.data[yi]!;
  });
  if (node.op === 'conv2d' && bias) {
    eachIndex(node.shape, (index, i) => (out[i]! += bias.data[index[1]!]!));
  }
  return out;
}
