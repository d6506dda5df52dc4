import { describe, expect, it } from 'vitest';
import { leavesOf, mapTree, ones, tensor, TensorError, type Tree } from './index.ts';
import { signatureOf } from './tree.ts';

const tree = { z: [ones([1]), { q: ones([2]) }], a: ones([3]), none: {} } as const;

describe('mapTree and leavesOf', () => {
  it('walk keys in the order in which they were written', () => {
    expect(leavesOf(tree).map(({ path, tensor }) => [path, tensor.shape])).toEqual([
      ['z/0', [1]],
      ['z/1/q', [2]],
      ['a', [3]],
    ]);
    expect(leavesOf(tree, 'state')[0]!.path).toBe('state/z/0');
    expect(leavesOf(ones([1]))[0]!.path).toBe('');
  });

  it('keep the structure', () => {
    const doubled = mapTree(tree, (leaf) => leaf.mul(2));
    expect(Array.isArray(doubled.z)).toBe(true);
    expect(Object.keys(doubled)).toEqual(['z', 'a', 'none']);
    expect(doubled.z[1].q.shape).toEqual([2]);
  });

  it.each<[string, unknown, RegExp]>([
    [
      'a number',
      { a: { b: 5 } },
      /tree: wants tensors in records and arrays, got number at a\/b; make tensors of/,
    ],
    ['nothing', { a: [undefined] }, /got undefined at a\/0/],
    ['null', { a: null }, /got null at a/],
    ['a typed array', { a: new Float32Array(2) }, /got Float32Array at a/],
    ['a string at the root', 'x', /got string at the root/],
  ])('refuse %s', (_, value, message) => {
    expect(() => leavesOf(value as Tree)).toThrow(message);
    expect(() => leavesOf(value as Tree)).toThrow(TensorError);
  });
});

describe('signatureOf', () => {
  const x = tensor([1, 2]);

  it('is the same for equal structures, shapes and dtypes', () => {
    expect(signatureOf({ a: [x, { b: x }] })).toBe(signatureOf({ a: [tensor([3, 4]), { b: ones([2]) }] }));
  });

  it('differs wherever a program would', () => {
    const different: Tree[] = [
      x,
      [x],
      { 0: x },
      [x, x],
      [[x], x],
      [[x, x]],
      { a: x },
      { a: [x] },
      { a: x, b: x },
      { b: x, a: x },
      { a: { b: x } },
      { 'a/b': x },
      { 'a":float32[2];"b': x },
      { a: x, b: {} },
      { a: x, b: [] },
      x.cast('int32'),
      x.reshape([2, 1]),
      [],
      {},
    ];
    expect(new Set(different.map(signatureOf)).size).toBe(different.length);
  });
});
