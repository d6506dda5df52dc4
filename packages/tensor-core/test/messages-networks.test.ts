/** The messages of the ops that networks are made of; `messages.test.ts` has the others. */
import { describe } from 'vitest';
import * as tc from '../src/index.ts';
import { refuses } from './refuses.ts';

const x = tc.ones([2, 3]);
const ints = tc.ones([2, 3], 'int32');
const image = tc.ones([1, 4, 6, 6]);
const key = tc.tensor(Int32Array.of(1, 2), [1, 2]);

describe('images', () => {
  const weight = tc.ones([8, 4, 3, 3]);
  refuses([
    [
      'channels',
      () => tc.conv2d(image, tc.ones([8, 3, 3, 3])),
      tc.ShapeError,
      /^conv2d: the input's 4 channels do not match a weight for 3 × 1: input \[1, 4, 6, 6\], weight \[8, 3, 3, 3\], groups 1$/,
    ],
    [
      'groups',
      () => tc.conv2d(image, tc.ones([7, 2, 3, 3]), { groups: 2 }),
      tc.ShapeError,
      /^conv2d: .*groups 2$/,
    ],
    [
      'axes',
      () => tc.conv2d(x, weight),
      tc.ShapeError,
      /^conv2d: wants input \[N, C, H, W\] and weight \[O, C \/ groups, kh, kw\]/,
    ],
    [
      'a kernel too large',
      () => tc.conv2d(image, tc.ones([8, 4, 7, 7])),
      tc.ShapeError,
      /^conv2d: the kernel is larger than the padded input/,
    ],
    [
      'a bias',
      () => tc.conv2d(image, weight, { bias: tc.ones([4]) }),
      tc.ShapeError,
      /^conv2d: wants a bias of \[8\], got \[4\]$/,
    ],
    [
      'a bias of another dtype',
      () => tc.conv2d(image, weight, { bias: tc.ones([8], 'float16') }),
      tc.DTypeError,
      /^conv2d: input is float32, weight float32, bias float16/,
    ],
    [
      'a stride of 0',
      () => tc.conv2d(image, weight, { stride: 0 }),
      tc.ShapeError,
      /^conv2d: wants stride and dilation of at least 1 .*"stride":0/,
    ],
    [
      'padding of two numbers',
      () => tc.conv2d(image, weight, { padding: [1, 1] }),
      tc.ShapeError,
      /padding of at least 0 \(one number or \[top, left, bottom, right\]\)/,
    ],
    [
      'whole numbers',
      () => tc.conv2d(image.cast('int32'), weight.cast('int32')),
      tc.DTypeError,
      /^conv2d: wants float32 or float16, got int32/,
    ],
    [
      'a pool of nothing',
      () => tc.avgPool2d(image, { kernel: 0 }),
      tc.ShapeError,
      /^avgPool2d: wants a kernel of 1 to 6 for \[1, 4, 6, 6\].*got \{"kernel":0/,
    ],
    [
      'a pool beyond the image',
      () => tc.avgPool2d(image, { kernel: 9, padding: 1 }),
      tc.ShapeError,
      /^avgPool2d: wants a kernel of 1 to 8/,
    ],
    [
      'a largest of nothing',
      () => tc.maxPool2d(image, { kernel: 7 }),
      tc.ShapeError,
      /^maxPool2d: wants a kernel of 1 to 6 for \[1, 4, 6, 6\].*got \{"kernel":7/,
    ],
    [
      'a window that may lie outside',
      () => tc.maxPool2d(image, { kernel: 2, padding: 2 }),
      tc.ShapeError,
      /^maxPool2d: .*padding of 0 to half the kernel, got .*"padding":2/,
    ],
    [
      'a largest of a matrix',
      () => tc.maxPool2d(x, { kernel: 1 }),
      tc.ShapeError,
      /^maxPool2d: wants \[N, C, H, W\], got \[2, 3\]$/,
    ],
    [
      'an image of no size',
      () => tc.resizeBilinear(image, [0, 4]),
      tc.ShapeError,
      /^resizeBilinear: wants a size \[H, W\] of whole numbers of at least 1, got \[0, 4\]$/,
    ],
    [
      'no pixels to resize',
      () => tc.resizeBilinear(tc.zeros([1, 2, 0, 3]), [2, 2]),
      tc.ShapeError,
      /^resizeBilinear: wants \[B, C, H, W\] of at least one pixel, got \[1, 2, 0, 3\]$/,
    ],
    [
      'whole numbers to resize',
      () => tc.resizeBilinear(image.cast('int32'), [2, 2]),
      tc.DTypeError,
      /^resizeBilinear: wants float32 or float16, got int32/,
    ],
    [
      'half a scale',
      () => tc.upsampleNearest2d(image, 1.5),
      tc.ShapeError,
      /^upsampleNearest2d: wants a whole scale of at least 1, got 1.5$/,
    ],
    [
      'a scale of a matrix',
      () => tc.upsampleNearest2d(x, 2),
      tc.ShapeError,
      /^upsampleNearest2d: wants \[N, C, H, W\], got \[2, 3\]$/,
    ],
  ]);
});

describe('norms', () => {
  const c = tc.ones([4]);
  refuses([
    [
      'groups that do not divide',
      () => tc.groupNorm(image, c, c, { groups: 3, eps: 1e-5 }),
      tc.ShapeError,
      /^groupNorm: wants x \[N, C, ...\] with C a multiple of the 3 groups, weight and bias \[C\], got \[1, 4, 6, 6\], \[4\], \[4\]$/,
    ],
    [
      'groups below 1',
      () => tc.groupNorm(image, c, c, { groups: -2, eps: 1e-5 }),
      tc.ShapeError,
      /^groupNorm: .*-2 groups/,
    ],
    [
      'weights of two axes',
      () => tc.groupNorm(image, tc.ones([4, 2]), c, { groups: 2, eps: 1e-5 }),
      tc.ShapeError,
      /^groupNorm: .*got \[1, 4, 6, 6\], \[4, 2\]/,
    ],
    ['a vector', () => tc.groupNorm(c, c, c, { groups: 2, eps: 1e-5 }), tc.ShapeError, /^groupNorm: /],
    [
      'two dtypes',
      () => tc.groupNorm(image, c, c.cast('float16'), { groups: 2, eps: 1e-5 }),
      tc.DTypeError,
      /^groupNorm: x is float32, weight float32, bias float16/,
    ],
    [
      'a layer of another width',
      () => tc.layerNorm(x, c, c, { eps: 1e-5 }),
      tc.ShapeError,
      /^layerNorm: wants x \[..., D\], weight and bias \[D\], got \[2, 3\], \[4\], \[4\]$/,
    ],
  ]);
});

describe('indices and random numbers', () => {
  refuses([
    [
      'indices that are none',
      () => tc.gather(x, x),
      tc.DTypeError,
      /^gather: indices must be int32, got float32$/,
    ],
    ['an axis that is not there', () => tc.gather(x, ints, 2), tc.ShapeError, /^gather: axis 2 is outside/],
    [
      'a table that is none',
      () => tc.embedding(tc.ones([3]), ints),
      tc.ShapeError,
      /^embedding: wants a table \[V, D\], got \[3\]$/,
    ],
    [
      'a key of numbers',
      () => tc.randomUniform(x, [2, 3]),
      tc.DTypeError,
      /^randomUniform: the key must be int32, got float32$/,
    ],
    [
      'a key for another batch',
      () => tc.randomUniform(key, [3, 3]),
      tc.ShapeError,
      /^randomUniform: wants a key \[3, 2\] \(two 32-bit words a sample\) for \[3, 3\], got \[1, 2\]$/,
    ],
    [
      'a negative shape',
      () => tc.randomUniform(key, [1, -1]),
      tc.ShapeError,
      /^randomUniform: a shape holds whole numbers/,
    ],
    [
      'a negative salt',
      () => tc.randomUniform(key, [1, 1], -1),
      tc.TensorError,
      /^randomUniform: wants a whole salt from 0 to 2\^31 − 1, got -1$/,
    ],
    [
      'a probability of 1',
      () => tc.dropout(tc.ones([1, 3]), 1, key),
      tc.TensorError,
      /^dropout: wants a probability in \[0, 1\), got 1$/,
    ],
    [
      'no probability at all',
      () => tc.dropout(tc.ones([1, 3]), NaN, key),
      tc.TensorError,
      /^dropout: .*got NaN$/,
    ],
  ]);
});
