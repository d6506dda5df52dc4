/** Every family of ops says which op it was, what it wanted, what came and what to do; and says so before anything runs. */
import { describe } from 'vitest';
import * as tc from '../src/index.ts';
import { refuses } from './refuses.ts';

const x = tc.ones([2, 3]);
const ints = tc.ones([2, 3], 'int32');
const bools = tc.ones([2, 3], 'bool');

describe('elementwise', () => {
  refuses([
    [
      'shapes that do not broadcast',
      () => x.add(tc.ones([2])),
      tc.ShapeError,
      /^add: shapes \[2, 3\] and \[2\] do not broadcast: axis -1 is 3 against 2; reshape one of them$/,
    ],
    [
      'dtypes that differ',
      () => x.mul(ints),
      tc.DTypeError,
      /^mul: operands are float32 and int32; cast one of them$/,
    ],
    ['bool arithmetic', () => bools.add(bools), tc.DTypeError, /^add: wants .* got bool; cast it first$/],
    ['an order of truth values', () => bools.less(bools), tc.DTypeError, /^less: wants .* got bool/],
    ['powers of bytes', () => tc.ones([1], 'uint8').pow(2), tc.DTypeError, /^pow: wants .* got uint8/],
    [
      'functions of whole numbers',
      () => ints.exp(),
      tc.DTypeError,
      /^exp: wants float32 or float16, got int32/,
    ],
    ['a fraction beside whole numbers', () => ints.mul(0.5), tc.DTypeError, /0.5 is no int32; round it/],
    [
      'a condition that is none',
      () => tc.where(x, x, x),
      tc.DTypeError,
      /^where: the condition must be bool, got float32/,
    ],
    [
      'branches of two dtypes',
      () => tc.where(bools, x, ints),
      tc.DTypeError,
      /^where: operands are float32 and int32/,
    ],
    [
      'branches of truth values',
      () => tc.where(bools, bools, bools),
      tc.DTypeError,
      /^where: wants .* got bool/,
    ],
    [
      'a dtype that is none',
      () => x.cast('bfloat16' as tc.DType),
      tc.DTypeError,
      /there is no dtype bfloat16/,
    ],
  ]);
});

describe('movement', () => {
  refuses([
    [
      'a reshape to another size',
      () => x.reshape([4, 2]),
      tc.ShapeError,
      /^reshape: \[2, 3\] holds 6 elements, which do not fill \[4, 2\]$/,
    ],
    [
      'a rest that does not divide',
      () => x.reshape([-1, 4]),
      tc.ShapeError,
      /^reshape: .* do not fill \[-1, 4\]$/,
    ],
    ['two rests', () => x.reshape([-1, -1]), tc.ShapeError, /^reshape: /],
    ['negative extents', () => x.reshape([-2, -3]), tc.ShapeError, /^reshape: /],
    [
      'too few axes',
      () => x.transpose([0]),
      tc.ShapeError,
      /^transpose: \[0\] is no permutation of the 2 axes of \[2, 3\]$/,
    ],
    ['an axis twice', () => x.transpose([0, 0]), tc.ShapeError, /^transpose: \[0, 0\] is no permutation/],
    [
      'an expansion to less',
      () => x.expand([3]),
      tc.ShapeError,
      /^expand: \[2, 3\] does not broadcast to \[3\]$/,
    ],
    [
      'an expansion of what is not 1',
      () => x.expand([4, 3]),
      tc.ShapeError,
      /^expand: shapes \[2, 3\] and \[4, 3\] do not broadcast/,
    ],
    [
      'a slice beyond the end',
      () => x.slice([0, 0], [2, 4]),
      tc.ShapeError,
      /^slice: 0 to 4 lies outside axis 1 of \[2, 3\]; use 0 to 3$/,
    ],
    ['a slice backwards', () => x.slice([0, 2], [2, 1]), tc.ShapeError, /^slice: 2 to 1 lies outside axis 1/],
    [
      'a slice before the start',
      () => x.slice([-3, 0], [2, 3]),
      tc.ShapeError,
      /^slice: -3 to 2 lies outside axis 0/,
    ],
    [
      'a slice of too few axes',
      () => x.slice([0], [1]),
      tc.ShapeError,
      /^slice: wants 2 starts and ends for \[2, 3\], got \[0\] and \[1\]$/,
    ],
    ['negative padding', () => x.pad([[0, 0], [-1, 0]]), tc.ShapeError, /^pad: wants 2 pairs of whole numbers of at least 0 for \[2, 3\], got \[\[0,0\],\[-1,0\]\]$/], // prettier-ignore
    ['padding that the dtype cannot hold', () => ints.pad([[1, 0], [0, 0]], 0.5), tc.DTypeError, /^pad: 0.5 is no int32/], // prettier-ignore
    [
      'nothing to join',
      () => tc.concat([], 0),
      tc.ShapeError,
      /^concat: wants at least one tensor, got none$/,
    ],
    [
      'shapes that do not join',
      () => tc.concat([x, tc.ones([2, 4])], 0),
      tc.ShapeError,
      /^concat: shapes \[2, 3\] and \[2, 4\] differ outside axis 0$/,
    ],
    [
      'dtypes that do not join',
      () => tc.concat([x, ints], 0),
      tc.DTypeError,
      /^concat: dtypes float32 and int32 differ; cast one of them$/,
    ],
    [
      'an axis to stack along',
      () => tc.stack([x, x], 4),
      tc.ShapeError,
      /^concat: axis 4 is outside a tensor of 3 axes/,
    ],
    [
      'an axis to flip',
      () => x.flip([2]),
      tc.ShapeError,
      /^flip: axis 2 is outside a tensor of 2 axes; use -2 to 1$/,
    ],
  ]);
});

describe('reductions', () => {
  refuses([
    [
      'an axis that is not there',
      () => x.sum(2),
      tc.ShapeError,
      /^sum: axis 2 is outside a tensor of 2 axes; use -2 to 1$/,
    ],
    ['half an axis', () => x.mean(0.5), tc.ShapeError, /^mean: axis 0.5 is outside/],
    [
      'an axis of a scalar',
      () => tc.ones([]).max(0),
      tc.ShapeError,
      /^max: axis 0 is outside a tensor of 0 axes; reshape the scalar/,
    ],
    ['an axis twice', () => x.sum([1, -1]), tc.ShapeError, /^sum: axes \[1, -1\] name one axis twice$/],
    [
      'a sum of truth values',
      () => bools.sum(),
      tc.DTypeError,
      /^sum: wants float32 or float16 or int32, got bool; cast it first$/,
    ],
    [
      'a mean of whole numbers',
      () => ints.mean(),
      tc.DTypeError,
      /^mean: wants float32 or float16, got int32/,
    ],
    [
      'the largest of nothing',
      () => tc.zeros([0, 2]).max(0),
      tc.ShapeError,
      /^max: \[0, 2\] has no elements along \[0\]/,
    ],
    ['softmax along no axis', () => tc.softmax(x, 2), tc.ShapeError, /^softmax: axis 2 is outside/],
    [
      'softmax of whole numbers',
      () => tc.softmax(ints),
      tc.DTypeError,
      /^softmax: wants float32 or float16, got int32/,
    ],
    [
      'its logarithm of whole numbers',
      () => tc.logSoftmax(ints),
      tc.DTypeError,
      /^logSoftmax: wants .* got int32/,
    ],
  ]);
});

describe('matrix products', () => {
  const q = tc.ones([1, 2, 3]);
  refuses([
    [
      'inner extents',
      () => x.matmul(x),
      tc.ShapeError,
      /^matmul: inner extents 3 and 2 differ in \[2, 3\] × \[2, 3\]$/,
    ],
    [
      'inner extents, transposed',
      () => x.matmul(x, { transposeA: true, transposeB: true }),
      tc.ShapeError,
      /\[2, 3\]ᵀ × \[2, 3\]ᵀ$/,
    ],
    [
      'vectors',
      () => x.matmul(tc.ones([3])),
      tc.ShapeError,
      /^matmul: both operands need at least 2 axes, .*; reshape vectors to matrices$/,
    ],
    [
      'batches',
      () => tc.ones([2, 1, 1]).matmul(tc.ones([3, 1, 1])),
      tc.ShapeError,
      /^matmul: shapes \[2\] and \[3\] do not broadcast/,
    ],
    [
      'whole numbers',
      () => ints.matmul(ints, { transposeB: true }),
      tc.DTypeError,
      /^matmul: wants float32 or float16, got int32/,
    ],
    [
      'a linear layer',
      () => tc.linear(x, tc.ones([4, 2])),
      tc.ShapeError,
      /^linear: wants x \[..., I\], weight \[O, I\] and bias \[O\], got \[2, 3\], \[4, 2\]$/,
    ],
    [
      'its bias',
      () => tc.linear(x, tc.ones([4, 3]), tc.ones([1])),
      tc.ShapeError,
      /^linear: .*, got \[2, 3\], \[4, 3\], \[1\]$/,
    ],
    [
      'attention',
      () => tc.scaledDotProductAttention(q, tc.ones([1, 2, 4]), q),
      tc.ShapeError,
      /^scaledDotProductAttention: wants q \[..., L, d\], k/,
    ],
  ]);
});
