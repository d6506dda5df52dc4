import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpret } from '../../../test/interpreter.ts';
import { inputNode } from '../../graph/node.ts';
import { buildGraph } from '../../graph/program.ts';
import { printGraph } from '../../graph/print.ts';
import * as tc from '../../index.ts';
import { concat, exp, neg } from '../../ops/index.ts';
import { widenFloat16 } from './widen.ts';

let device: tc.Device;
beforeAll(async () => {
  device = await tc.openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

describe('widenFloat16', () => {
  it('computes in float32, rounds after every op, and moves 16 bits', () => {
    const x = inputNode({ shape: [2], dtype: 'float16' });
    const { graph } = buildGraph([x], [concat([neg(exp(x)), x], 0)]);
    const widened = widenFloat16(graph);
    expect(printGraph(widened.outputs)).toMatchInlineSnapshot(`
      "%0 = input() : float16 [2]
      %1 = cast(%0) {dtype: "float32"} : float32 [2]
      %2 = exp(%1) : float32 [2]
      %3 = cast(%2) {dtype: "float16"} : float16 [2]
      %4 = cast(%3) {dtype: "float32"} : float32 [2]
      %5 = neg(%4) : float32 [2]
      %6 = cast(%5) {dtype: "float16"} : float16 [2]
      %7 = concat(%6, %0) {axis: 0} : float16 [4]
      return %7"
    `);
    expect(widened.inputs).toBe(graph.inputs);
  });

  it('leaves graphs without float16 alone', () => {
    const x = inputNode({ shape: [2], dtype: 'float32' });
    const { graph } = buildGraph([x], [exp(x)]);
    expect(widenFloat16(graph)).toBe(graph);
  });
});

describe('float16 on the CPU', () => {
  const values = Array.from({ length: 48 }, (_, i) => Math.sin(i * 1.3 + 0.5) * 3);
  const x = tc.tensor(values, [1, 16, 3], 'float16');
  const y = tc.tensor([...values].reverse(), [1, 16, 3], 'float16');
  const image = x.reshape([1, 16, 3, 1]);
  const c = tc.ones([16], 'float16');
  const indices = tc.tensor(Int32Array.of(0, 0, 5));

  const cases: Record<string, tc.Tensor[]> = {
    arithmetic: [x.add(y), x.sub(1), x.mul(y), x.div(y), x.maximum(y), x.minimum(0.3), x.abs().pow(0.5)],
    functions: [
      x.exp(),
      x.tanh(),
      x.sin(),
      x.sigmoid(),
      x.silu(),
      x.relu(),
      x.erf(),
      x.abs().sqrt(),
      x.square(),
    ],
    comparisons: [x.less(y), x.greater(0), x.equal(x), tc.where(x.less(y), x, 2)],
    casts: [x.cast('float32'), x.cast('int32'), tc.arange(5).mul(0.1).cast('float16')],
    movement: [
      x.transpose([2, 0, 1]),
      x.flip([1]),
      x.slice([0, 3, 0], [1, 9, 2]),
      x.pad([[0, 0], [1, 0], [0, 2]], 1.5), // prettier-ignore
      tc.concat([x, y], 2),
      x.expand([2, 16, 3]),
      tc.gather(x, indices, 1),
    ],
    reductions: [x.sum(1), x.mean([1, 2]), x.max(), tc.softmax(x), tc.logSoftmax(x, 1)],
    products: [x.matmul(y, { transposeB: true }), tc.conv2d(image, image.reshape([1, 16, 3, 1]))],
    networks: [tc.avgPool2d(image.reshape([1, 4, 4, 3]).slice([0, 0, 0, 0], [1, 4, 2, 2]), { kernel: 2 })],
    norms: [tc.groupNorm(image, c, c, { groups: 4, eps: 1e-3 })],
    gradients: [
      tc.grad((t: tc.Tensor) => t.silu().sum())(x),
      tc.grad((t: tc.Tensor) => tc.gather(t, indices, 1).square().sum())(x),
      tc.grad((t: tc.Tensor) =>
        tc
          .groupNorm(t, c, c, { groups: 4, eps: 1e-3 })
          .mul(y.reshape([1, 16, 3, 1]))
          .sum(),
      )(image),
    ],
  };

  const round = (value: number, dtype: tc.DType): number =>
    dtype === 'float16' ? tc.fromFloat16(tc.toFloat16(value)) : value;

  it.each(Object.entries(cases))('%s are those of float32, rounded', async (family, results) => {
    // Constants inside a norm are rounded too, here and there at different places.
    const loose = family === 'norms' || family === 'gradients';
    const compiled = device.compile(() => ({ results }));
    const { results: computed } = await compiled({});
    const expected = interpret(results.map((t) => t.node), new Map(), round); // prettier-ignore
    for (const [i, tensor] of computed.entries()) {
      expect(tensor.dtype).toBe(results[i]!.dtype);
      const raw = await tensor.data();
      const actual = tensor.dtype === 'float16' ? Array.from(raw, tc.fromFloat16) : Array.from(raw);
      const { data } = expected[i]!;
      const largest = Math.max(...data.map(Math.abs));
      actual.forEach((v, k) => {
        // one unit in the last place of a float16: the last bit may go either way
        const unit = 2 ** -10 * Math.max(loose ? largest : Math.abs(data[k]!), 2 ** -14);
        expect(Math.abs(v - data[k]!)).toBeLessThanOrEqual(unit);
      });
    }
    await compiled.dispose();
  });
});
