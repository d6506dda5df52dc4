import { describe, expect, it } from 'vitest';
import { type DType } from '../dtype.ts';
import {
  abs,
  add,
  cast,
  div,
  exp,
  mul,
  neg,
  pow,
  sigmoid,
  stopGradient,
  sub,
  where,
} from '../ops/elementwise.ts';
import { expand, flip, pad, reshape, slice, transpose } from '../ops/movement.ts';
import { matmul } from '../ops/matmul.ts';
import { max, mean, sum } from '../ops/reduce.ts';
import { scalar } from '../ops/shared.ts';
import { gradientsOf } from '../autograd.ts';
import { inputNode, type Node } from './node.ts';
import { printGraph } from './print.ts';
import { simplify } from './simplify.ts';

function input(shape: number[], dtype: DType = 'float32'): Node {
  return inputNode({ shape, dtype });
}

/** The simplified graph as text. */
function simplified(...outputs: Node[]): string {
  return printGraph(simplify(outputs));
}

describe('printGraph', () => {
  it('writes one line a node, in the order of computation, and the outputs', () => {
    const x = input([2, 3]);
    const y = mean(exp(x), 1);
    expect(printGraph([y, x])).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 3]
      %1 = exp(%0) : float32 [2, 3]
      %2 = sum(%1) {axes: [1], keepDims: false} : float32 [2]
      %3 = constant() {0.3333333432674408} : float32 []
      %4 = mul(%2, %3) : float32 [2]
      return %4, %0"
    `);
  });

  it('shortens long constants', () => {
    const x = input([6]);
    const big = { ...scalar(0), shape: [6], value: Float32Array.of(1, 2, 3, 4, 5, 6) };
    expect(printGraph([add(x, big)])).toContain('constant() {1, 2, 3, 4, …} : float32 [6]');
  });
});

describe('common subexpressions', () => {
  it('are computed once, also with operands of add and mul in another order', () => {
    const [x, y] = [input([2]), input([2])];
    const a = mul(exp(x), sigmoid(y));
    const b = mul(sigmoid(y), exp(x));
    expect(printGraph([add(a, b)])).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2]
      %1 = exp(%0) : float32 [2]
      %2 = input() : float32 [2]
      %3 = sigmoid(%2) : float32 [2]
      %4 = mul(%1, %3) : float32 [2]
      %5 = sigmoid(%2) : float32 [2]
      %6 = exp(%0) : float32 [2]
      %7 = mul(%5, %6) : float32 [2]
      %8 = add(%4, %7) : float32 [2]
      return %8"
    `);
    expect(simplified(add(a, b))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2]
      %1 = exp(%0) : float32 [2]
      %2 = input() : float32 [2]
      %3 = sigmoid(%2) : float32 [2]
      %4 = mul(%1, %3) : float32 [2]
      %5 = constant() {2} : float32 []
      %6 = mul(%4, %5) : float32 [2]
      return %6"
    `);
  });

  it('are not shared where order, attributes or dtypes differ', () => {
    const x = input([2, 2]);
    const y = input([2, 2]);
    const distinct = [sub(x, y), sub(y, x), sum(x, 0), sum(x, 1), cast(x, 'int32'), cast(x, 'uint8')];
    expect(new Set(simplify(distinct)).size).toBe(distinct.length);
  });

  it('tell numbers apart that JSON does not', () => {
    const x = input([1]);
    const padded = [Infinity, -Infinity, NaN, 0, -0].map((value) => pad(x, [[1, 0]], value));
    expect(new Set(simplify(padded)).size).toBe(padded.length);
  });
});

describe('scalars', () => {
  it('of constants alone become one constant', () => {
    const c = div(sub(mul(scalar(3), scalar(4)), scalar(2)), add(scalar(1), scalar(1)));
    expect(simplified(c)).toMatchInlineSnapshot(`
      "%0 = constant() {5} : float32 []
      return %0"
    `);
  });

  it('multiply an operand once, wherever it was moved in between', () => {
    const x = input([2, 3]);
    const moved = flip(transpose(reshape(mul(mul(scalar(2), x), scalar(3)), [3, 2])), [0]);
    expect(simplified(div(neg(mul(moved, scalar(0.5))), scalar(4)))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 3]
      %1 = reshape(%0) {shape: [3,2]} : float32 [3, 2]
      %2 = transpose(%1) {permutation: [1,0]} : float32 [2, 3]
      %3 = flip(%2) {axes: [0]} : float32 [2, 3]
      %4 = constant() {-0.75} : float32 []
      %5 = mul(%3, %4) : float32 [2, 3]
      return %5"
    `);
  });

  it('are not merged where the product would overflow or lose digits', () => {
    const x = input([2]);
    for (const [c, d] of [
      [1e30, 1e30],
      [1e-30, 1e-30],
      [0, 1e30],
    ] as const) {
      expect(simplified(mul(mul(x, scalar(c)), scalar(d)))).toMatch(/mul[^]*mul/);
    }
  });

  it('divide by a power of two exactly, by other numbers as they are', () => {
    const x = input([2]);
    expect(simplified(div(x, scalar(-8)))).toContain('{-0.125}');
    expect(simplified(div(x, scalar(3)))).toContain('div');
    expect(simplified(div(x, scalar(2 ** -140)))).toContain('div');
  });

  it('of whole numbers are left alone', () => {
    const x = input([2], 'int32');
    expect(simplified(div(mul(x, scalar(3, 'int32')), scalar(2, 'int32')))).toMatchInlineSnapshot(`
      "%0 = input() : int32 [2]
      %1 = constant() {3} : int32 []
      %2 = mul(%0, %1) : int32 [2]
      %3 = constant() {2} : int32 []
      %4 = div(%2, %3) : int32 [2]
      return %4"
    `);
  });
});

describe('neutral elements and signs', () => {
  const x = input([2, 3]);
  const y = input([2, 3]);
  it.each<[string, Node]>([
    ['x + 0', add(x, scalar(0))],
    ['0 + x', add(scalar(0), x)],
    ['x - 0', sub(x, scalar(0))],
    ['x · 1', mul(x, scalar(1))],
    ['1 · x, with ones of full size', mul(expand(scalar(1), [2, 3]), x)],
    ['x / 1', div(x, scalar(1))],
    ['x¹', pow(x, scalar(1))],
    ['-(-x)', neg(neg(x))],
    ['x · -1 · -1', mul(mul(x, scalar(-1)), scalar(-1))],
    ['the identity', stopGradient(x)],
    ['a reshape there and back', reshape(reshape(x, [6]), [2, 3])],
    ['a transposition there and back', transpose(transpose(x))],
  ])('%s is x', (_, node) => expect(simplify([node])[0]).toBe(x));

  it('stay where they change the shape', () => {
    const row = input([3]);
    expect(simplified(add(row, expand(scalar(0), [2, 3])))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [3]
      %1 = expand(%0) {shape: [2,3]} : float32 [2, 3]
      return %1"
    `);
  });

  it('turn sums with negatives into differences', () => {
    const both = [add(x, neg(y)), add(neg(x), y), sub(x, neg(y))];
    expect(simplified(...both)).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 3]
      %1 = input() : float32 [2, 3]
      %2 = sub(%0, %1) : float32 [2, 3]
      %3 = sub(%1, %0) : float32 [2, 3]
      %4 = add(%0, %1) : float32 [2, 3]
      return %2, %3, %4"
    `);
  });

  it('square instead of raising to 2 or multiplying by itself, double instead of adding to itself', () => {
    const [a, b, c] = simplify([pow(x, scalar(2)), mul(x, x), add(x, x)]);
    expect(a!.op).toBe('square');
    expect(b).toBe(a);
    expect(c!.op).toBe('mul');
  });
});

describe('movements', () => {
  it('of one kind become one', () => {
    const x = input([2, 1, 3]);
    const chain = [
      reshape(reshape(x, [6]), [3, 2]),
      transpose(transpose(x, [1, 2, 0]), [2, 0, 1]),
      expand(expand(x, [2, 4, 3]), [5, 2, 4, 3]),
    ];
    expect(printGraph(chain)).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 1, 3]
      %1 = reshape(%0) {shape: [6]} : float32 [6]
      %2 = reshape(%1) {shape: [3,2]} : float32 [3, 2]
      %3 = transpose(%0) {permutation: [1,2,0]} : float32 [1, 3, 2]
      %4 = transpose(%3) {permutation: [2,0,1]} : float32 [2, 1, 3]
      %5 = expand(%0) {shape: [2,4,3]} : float32 [2, 4, 3]
      %6 = expand(%5) {shape: [5,2,4,3]} : float32 [5, 2, 4, 3]
      return %2, %4, %6"
    `);
    expect(simplified(...chain)).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 1, 3]
      %1 = reshape(%0) {shape: [3,2]} : float32 [3, 2]
      %2 = expand(%0) {shape: [5,2,4,3]} : float32 [5, 2, 4, 3]
      return %1, %0, %2"
    `);
  });

  it('of a number that was spread out spread it out again', () => {
    const x = input([1, 1]);
    const uniform = expand(x, [4, 6]);
    const moved = slice(reshape(transpose(uniform), [3, 8]), [0, 2], [3, 4]);
    expect(simplified(moved)).toMatchInlineSnapshot(`
      "%0 = input() : float32 [1, 1]
      %1 = reshape(%0) {shape: []} : float32 []
      %2 = expand(%1) {shape: [3,2]} : float32 [3, 2]
      return %2"
    `);
    expect(simplified(reshape(expand(scalar(5), [2, 3]), [6]))).toMatchInlineSnapshot(`
      "%0 = constant() {5} : float32 []
      %1 = expand(%0) {shape: [6]} : float32 [6]
      return %1"
    `);
  });

  it('stay where they are no chain of one kind', () => {
    const x = input([2, 3]);
    const node = transpose(reshape(transpose(x), [2, 3]));
    expect(simplify([node])[0]).toBe(node);
  });
});

describe('expansions', () => {
  it('disappear where broadcasting does the same', () => {
    const x = input([2, 4, 3]);
    const bias = input([4, 1]);
    expect(simplified(add(x, expand(bias, [2, 4, 3])))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 4, 3]
      %1 = input() : float32 [4, 1]
      %2 = add(%0, %1) : float32 [2, 4, 3]
      return %2"
    `);
    const chosen = where(input([2, 4, 3], 'bool'), expand(bias, [2, 4, 3]), expand(scalar(0), [2, 4, 3]));
    expect(simplified(chosen)).toMatchInlineSnapshot(`
      "%0 = input() : bool [2, 4, 3]
      %1 = input() : float32 [4, 1]
      %2 = constant() {0} : float32 []
      %3 = where(%0, %1, %2) : float32 [2, 4, 3]
      return %3"
    `);
  });

  it('move behind what is computed from them alone', () => {
    const x = input([4, 1]);
    expect(simplified(abs(mul(exp(expand(x, [2, 4, 3])), scalar(2))))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [4, 1]
      %1 = exp(%0) : float32 [4, 1]
      %2 = constant() {2} : float32 []
      %3 = mul(%1, %2) : float32 [4, 1]
      %4 = abs(%3) : float32 [4, 1]
      %5 = expand(%4) {shape: [2,4,3]} : float32 [2, 4, 3]
      return %5"
    `);
  });

  it('become a product under a sum', () => {
    const x = input([4, 1]);
    const spread = expand(x, [2, 4, 3]);
    expect(simplified(sum(spread))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [4, 1]
      %1 = reshape(%0) {shape: [1,4,1]} : float32 [1, 4, 1]
      %2 = sum(%1) {axes: [1], keepDims: true} : float32 [1, 1, 1]
      %3 = constant() {6} : float32 []
      %4 = mul(%2, %3) : float32 [1, 1, 1]
      %5 = reshape(%4) {shape: []} : float32 []
      return %5"
    `);
    expect(simplified(sum(spread, [0, 1], true))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [4, 1]
      %1 = reshape(%0) {shape: [1,4,1]} : float32 [1, 4, 1]
      %2 = sum(%1) {axes: [1], keepDims: true} : float32 [1, 1, 1]
      %3 = constant() {2} : float32 []
      %4 = mul(%2, %3) : float32 [1, 1, 1]
      %5 = expand(%4) {shape: [1,1,3]} : float32 [1, 1, 3]
      return %5"
    `);
  });

  it('stay under a sum that float16 could not count', () => {
    expect(simplified(sum(expand(input([1], 'float16'), [5000])))).toContain('expand');
  });

  it('leave nothing of a sum over single elements', () => {
    const x = input([2, 1, 3]);
    expect(simplified(sum(x, 1), max(x, 1, true))).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 1, 3]
      %1 = reshape(%0) {shape: [2,3]} : float32 [2, 3]
      return %1, %0"
    `);
  });
});

describe('values without elements', () => {
  it('are not computed, and add up to 0', () => {
    const x = input([0, 3]);
    const products = [matmul(x, x, { transposeA: true }), sum(exp(mul(x, input([1, 3]))), 0), neg(x)];
    expect(simplified(...products)).toMatchInlineSnapshot(`
      "%0 = constant() {0} : float32 []
      %1 = expand(%0) {shape: [3,3]} : float32 [3, 3]
      %2 = expand(%0) {shape: [3]} : float32 [3]
      %3 = constant() {} : float32 [0, 3]
      return %1, %2, %3"
    `);
  });
});

describe('a training step', () => {
  it('of a mean of squares has one pass for the cotangent', () => {
    const [prediction, target] = [input([2, 3]), input([2, 3])];
    const error = sub(target, prediction);
    const loss = mean(mul(error, error));
    const gradient = gradientsOf(loss, [prediction]);
    expect(printGraph(gradient)).toMatchInlineSnapshot(`
      "%0 = constant() {1} : float32 []
      %1 = constant() {0.1666666716337204} : float32 []
      %2 = mul(%0, %1) : float32 []
      %3 = reshape(%2) {shape: [1,1]} : float32 [1, 1]
      %4 = expand(%3) {shape: [2,3]} : float32 [2, 3]
      %5 = input() : float32 [2, 3]
      %6 = input() : float32 [2, 3]
      %7 = sub(%5, %6) : float32 [2, 3]
      %8 = mul(%4, %7) : float32 [2, 3]
      %9 = mul(%4, %7) : float32 [2, 3]
      %10 = add(%8, %9) : float32 [2, 3]
      %11 = neg(%10) : float32 [2, 3]
      return %11"
    `);
    expect(simplified(loss, ...gradient)).toMatchInlineSnapshot(`
      "%0 = input() : float32 [2, 3]
      %1 = input() : float32 [2, 3]
      %2 = sub(%0, %1) : float32 [2, 3]
      %3 = square(%2) : float32 [2, 3]
      %4 = sum(%3) {axes: [0,1], keepDims: false} : float32 []
      %5 = constant() {0.1666666716337204} : float32 []
      %6 = mul(%4, %5) : float32 []
      %7 = constant() {-0.3333333432674408} : float32 []
      %8 = mul(%2, %7) : float32 [2, 3]
      return %6, %8"
    `);
  });

  it('of a bias that every row shares sums over the rows', () => {
    const [x, bias] = [input([5, 3]), input([3])];
    const [gradient] = gradientsOf(mean(add(x, bias)), [bias]);
    expect(simplified(gradient!)).toMatchInlineSnapshot(`
      "%0 = constant() {0.3333333432674408} : float32 []
      %1 = expand(%0) {shape: [3]} : float32 [3]
      return %1"
    `);
  });
});
