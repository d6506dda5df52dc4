import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runScript } from '../test/run-script.ts';
import * as tc from './index.ts';

let device: tc.Device;
beforeAll(async () => {
  device = await tc.openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

describe('tensor', () => {
  it('takes numbers, arrays of numbers and typed arrays', async () => {
    const cases: [tc.Tensor, tc.DType, number[], number[]][] = [
      [tc.tensor(3), 'float32', [], [3]],
      [tc.tensor([1, 2, 3]), 'float32', [3], [1, 2, 3]],
      [tc.tensor([1, 2, 3, 4], [2, 2], 'int32'), 'int32', [2, 2], [1, 2, 3, 4]],
      [tc.tensor(Float32Array.of(0.5)), 'float32', [1], [0.5]],
      [tc.tensor(Int32Array.of(-7)), 'int32', [1], [-7]],
      [tc.tensor(Uint8Array.of(255)), 'uint8', [1], [255]],
      [tc.tensor(Uint8Array.of(0, 1), [2], 'bool'), 'bool', [2], [0, 1]],
      [tc.tensor(Uint16Array.of(0x3c00)), 'float16', [1], [0x3c00]],
      [tc.tensor([1, -2], [2], 'float16'), 'float16', [2], [0x3c00, 0xc000]],
      [tc.tensor([], [0, 4]), 'float32', [0, 4], []],
    ];
    for (const [x, dtype, shape, elements] of cases) {
      expect([x.dtype, x.shape, x.size, x.ndim]).toEqual([dtype, shape, elements.length, shape.length]);
      expect([...(await x.data())]).toEqual(elements);
    }
  });

  it('holds its own shape, and the caller’s array without a copy', async () => {
    const data = Float32Array.of(1, 2);
    const shape = [2];
    const x = tc.tensor(data, shape);
    shape[0] = 99;
    expect(x.shape).toEqual([2]);
    expect(await x.data()).toBe(data);
  });

  it.each<[string, () => tc.Tensor, RegExp]>([
    [
      'another number of elements',
      () => tc.tensor([1, 2, 3], [2, 2]),
      /tensor: \[2, 2\] wants 4 elements, got 3/,
    ],
    [
      'a shape that is none',
      () => tc.tensor([1], [-1]),
      /tensor: a shape holds whole numbers of at least 0, got \[-1\]/,
    ],
    [
      'a fraction of an element',
      () => tc.zeros([1.5]),
      /full: a shape holds whole numbers of at least 0, got \[1.5\]/,
    ],
    [
      'an array of another type',
      () => tc.tensor(Float32Array.of(1), [1], 'int32'),
      /a int32 tensor wants a Int32Array, got a Float32Array; convert the data or name another dtype/,
    ],
    ['a fraction as whole number', () => tc.tensor([1.5], [1], 'int32'), /tensor: 1.5 is no int32; round it/],
    ['256 as a byte', () => tc.tensor([256], [1], 'uint8'), /tensor: 256 is no uint8/],
    ['2 as a truth value', () => tc.full([1], 2, 'bool'), /full: 2 is no bool/],
    ['NaN as a whole number', () => tc.full([1], NaN, 'int32'), /full: NaN is no int32/],
    [
      'a dtype that is none',
      () => tc.zeros([1], 'float64' as tc.DType),
      /there is no dtype float64; use float32/,
    ],
  ])('refuses %s', (_, make, message) => expect(make).toThrow(message));
});

describe('values', () => {
  it('are computed when they are asked for, and once', async () => {
    const x = tc.arange(4).square();
    expect(x.isConcrete).toBe(false);
    const [a, b] = await Promise.all([x.data(), x.data()]);
    expect(a).toBe(b);
    expect(x.isConcrete).toBe(true);
    expect(await x.data()).toBe(a);
    expect([...a]).toEqual([0, 1, 4, 9]);
  });

  it('are one buffer each, however many wait for them', async () => {
    const before = device.liveBuffers().count;
    const x = tc.full([3], 2).exp();
    await Promise.all([x.evaluate(), x.data(), x.evaluate()]);
    expect(device.liveBuffers().count).toBe(before + 1);
    x.dispose();
    expect(device.liveBuffers().count).toBe(before);
  });

  it('that exist are not computed again by what is built on them', async () => {
    const x = await tc.arange(3).add(1).evaluate();
    const y = x.mul(2);
    expect(y.node.inputs[0]).toBe(x.node);
    expect([...(await y.data())]).toEqual([2, 4, 6]);
  });

  it('of one element are numbers, whatever their dtype', async () => {
    const dtypes: tc.DType[] = ['float32', 'float16', 'int32', 'uint8', 'bool'];
    for (const dtype of dtypes) expect(await tc.ones([1, 1], dtype).item()).toBe(1);
    expect(await tc.tensor(-0.25, [], 'float16').item()).toBe(-0.25);
    await expect(tc.ones([2]).item()).rejects.toThrow(/item: wants a tensor of one element, got \[2\]/);
  });

  it('need a device', async () => {
    const script = `import { ones } from './src/index.ts'; await ones([1]).data();`;
    await expect(runScript(script)).rejects.toThrow(/data: no device is open; call openDevice\(\) first/);
  });

  it('are named in the handle’s text', () => {
    expect(String(tc.ones([2, 3]).add(1))).toBe('Tensor(float32 [2, 3], add)');
  });
});

describe('dispose', () => {
  it('frees the value and what is built on it later', async () => {
    const x = tc.tensor([1, 2]);
    const y = x.add(1);
    x.dispose();
    x.dispose();
    await expect(x.data()).rejects.toThrow(tc.DisposedError);
    await expect(y.data()).rejects.toThrow(/this tensor was disposed/);
    expect(() => x.add(1)).toThrow(/this tensor was disposed; keep a handle as long as you use it/);
    expect(x.isConcrete).toBe(false);
    expect(x.shape).toEqual([2]);
  });

  it('keeps values that were computed from it before', async () => {
    const x = tc.tensor([1, 2]);
    const y = await x.add(1).evaluate();
    x.dispose();
    expect([...(await y.data())]).toEqual([2, 3]);
  });

  it('works while the value is being computed', async () => {
    const before = device.liveBuffers().count;
    const x = tc.full([5], 2).exp();
    const value = x.data();
    x.dispose();
    await expect(value).rejects.toThrow(tc.DisposedError);
    expect(device.liveBuffers().count).toBe(before);
  });

  it('of a tree frees all its leaves', async () => {
    const tree = { a: [tc.tensor([1]), tc.tensor([2])], b: { c: tc.tensor([3]) } };
    tc.disposeTree(tree);
    for (const { tensor } of tc.leavesOf(tree)) await expect(tensor.data()).rejects.toThrow(tc.DisposedError);
  });
});

describe('constructors', () => {
  it('fill, count and stack', async () => {
    expect([...(await tc.zeros([2]).data())]).toEqual([0, 0]);
    expect([...(await tc.ones([2], 'int32').data())]).toEqual([1, 1]);
    expect([...(await tc.full([2], -1.5).data())]).toEqual([-1.5, -1.5]);
    expect([...(await tc.arange(3, 'int32').data())]).toEqual([0, 1, 2]);
    const stacked = [0, 1, -1].map((axis) => tc.stack([tc.zeros([2]), tc.ones([2])], axis));
    expect(stacked.map((x) => x.shape)).toEqual([[2, 2], [2, 2], [2, 2]]); // prettier-ignore
    expect(await Promise.all(stacked.map(async (x) => [...(await x.data())]))).toEqual([
      [0, 0, 1, 1],
      [0, 1, 0, 1],
      [0, 1, 0, 1],
    ]);
  });

  it('take numbers on either side', async () => {
    const x = tc.tensor([1, 2], [2], 'int32');
    const results = [
      tc.sub(5, x),
      x.sub(5),
      tc.where(x.greater(1), x, 0),
      tc.maximum(x, 2),
      tc.where(x.equal(1), 7, x),
    ];
    for (const y of results) expect(y.dtype).toBe('int32');
    expect(await Promise.all(results.map(async (y) => [...(await y.data())]))).toEqual([
      [4, 3],
      [-4, -3],
      [0, 2],
      [2, 2],
      [7, 2],
    ]);
    expect((await tc.add(1, 2).data())[0]).toBe(3);
  });
});
