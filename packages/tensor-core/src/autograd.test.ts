/** Gradients in closed form, for what the recordings of `test/ops.test.ts` do not cover. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { vjp } from './autograd.ts';
import { defineOp, inputNode } from './graph/node.ts';
import * as tc from './index.ts';

let device: tc.Device;
beforeAll(async () => {
  device = await tc.openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

type Scalar = (x: tc.Tensor) => tc.Tensor;

async function numbers(x: tc.Tensor): Promise<number[]> {
  return [...(await x.data())];
}

/** dΣf(x)·w/dx at `x`, with weights w = 1, 2, 3, … so that no two elements of f are alike. */
async function weighted(f: Scalar, x: tc.Tensor): Promise<number[]> {
  const loss: Scalar = (y) => {
    const value = f(y);
    return value.mul(tc.arange(value.size).add(1).reshape(value.shape)).sum();
  };
  return numbers(tc.grad(loss)(x));
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  actual.forEach((value, i) => expect(value).toBeCloseTo(expected[i]!, 5));
}

describe('movement', () => {
  const x = tc.tensor([10, 20, 30, 40, 50, 60], [2, 3]);

  it('flip turns the gradient around', async () => {
    expect(await weighted((y) => y.flip([1]), x)).toEqual([3, 2, 1, 6, 5, 4]);
    expect(await weighted((y) => y.flip([0, -1]), x)).toEqual([6, 5, 4, 3, 2, 1]);
  });

  it('expand adds up what became of each element', async () => {
    expect(await weighted((y) => y.expand([2, 2]), tc.tensor([7, 8], [2, 1]))).toEqual([3, 7]);
    expect(await weighted((y) => y.expand([3, 2]), tc.tensor([7, 8]))).toEqual([9, 12]);
    expect(await weighted((y) => y.expand([2, 3]), tc.tensor(5))).toEqual([21]);
  });

  it('slice, pad and concat send each element where it came from', async () => {
    expect(await weighted((y) => y.slice([0, 1], [2, -1]), x)).toEqual([0, 1, 0, 0, 2, 0]);
    expect(await weighted((y) => y.pad([[1, 0], [0, 1]]), x)).toEqual([5, 6, 7, 9, 10, 11]); // prettier-ignore
    expect(await weighted((y) => tc.concat([y, y], 1), x)).toEqual([5, 7, 9, 17, 19, 21]);
  });
});

describe('elementwise', () => {
  it('where sends the gradient to the side that was chosen, summed where it was broadcast', async () => {
    const condition = tc.tensor([1, 0, 0, 1, 1, 0], [2, 3], 'bool');
    const a = tc.tensor([1, 2, 3]);
    const b = tc.tensor([4, 5], [2, 1]);
    const { gradients } = tc.valueAndGrad(([p, q]: [tc.Tensor, tc.Tensor]) =>
      tc
        .where(condition, p, q)
        .mul(tc.tensor([1, 2, 3, 4, 5, 6], [2, 3]))
        .sum(),
    )([a, b]);
    expect(await numbers(gradients[0])).toEqual([1 + 4, 5, 0]);
    expect(await numbers(gradients[1])).toEqual([2 + 3, 6]);
  });

  it('erf has the slope of a bell', async () => {
    const at = [-2.5, -0.5, 0, 1, 3];
    const expected = at.map((v, i) => ((i + 1) * 2 * Math.exp(-v * v)) / Math.sqrt(Math.PI));
    expectClose(await weighted((y) => y.erf(), tc.tensor(at)), expected);
  });

  it('gelu is x Φ(x), with slope Φ(x) + x φ(x)', async () => {
    const at = [-3, -1, 0, 0.5, 2];
    // Φ from tables of the normal distribution
    const cdf = [0.0013498980316301, 0.158655253931457, 0.5, 0.691462461274013, 0.977249868051821];
    const density = at.map((v) => Math.exp((-v * v) / 2) / Math.sqrt(2 * Math.PI));
    const x = tc.tensor(at);
    expectClose(await numbers(x.gelu()), at.map((v, i) => v * cdf[i]!)); // prettier-ignore
    const slope = at.map((v, i) => (i + 1) * (cdf[i]! + v * density[i]!));
    expectClose(await weighted((y) => y.gelu(), x), slope);
  });

  it('powers with a number as exponent are differentiated also at 0', async () => {
    const derivatives: Scalar[] = [(x) => x.pow(2).sum()];
    for (let order = 1; order <= 3; order++) {
      const previous = derivatives.at(-1)!;
      derivatives.push((x) => tc.grad(previous)(x).sum());
    }
    const x = tc.tensor([0, 1, -3]);
    expect(await numbers(tc.grad(derivatives[0]!)(x))).toEqual([0, 2, -6]);
    expect(await numbers(tc.grad(derivatives[1]!)(x))).toEqual([2, 2, 2]);
    expect(await numbers(tc.grad(derivatives[2]!)(x))).toEqual([0, 0, 0]);
    expect(await numbers(tc.grad((y: tc.Tensor) => y.pow(0).sum())(x))).toEqual([0, 0, 0]);
  });

  it('stopGradient keeps the value and hides what it depends on', async () => {
    const x = tc.tensor([3, 4]);
    const f: Scalar = (y) => tc.stopGradient(y.square()).mul(y).sum();
    expect(await f(x).item()).toBe(27 + 64);
    expect(await numbers(tc.grad(f)(x))).toEqual([9, 16]);
  });

  it('comparisons, signs and integer casts let no gradient through', async () => {
    const x = tc.tensor([-1.5, 2.5]);
    const f: Scalar = (y) =>
      y.greater(0).cast('float32').add(y.sign()).add(y.cast('int32').cast('float32')).sum();
    expect(await numbers(tc.grad(f)(x))).toEqual([0, 0]);
  });

  it('float16 is differentiated as float16', async () => {
    const x = tc.tensor([0.5, 2], [2], 'float16');
    const gradient = tc.grad((y: tc.Tensor) => y.square().sum())(x);
    expect(gradient.dtype).toBe('float16');
    expect((await numbers(gradient)).map(tc.fromFloat16)).toEqual([1, 4]);
  });
});

describe('gather and its adjoint', () => {
  const x = tc.tensor([1, 2, 3, 4, 5, 6], [2, 3]);

  it('picks along any axis, and adds gradients of what was picked twice', async () => {
    const indices = tc.tensor(Int32Array.of(2, 0, 2));
    expect(await numbers(tc.gather(x, indices, 1))).toEqual([3, 1, 3, 6, 4, 6]);
    expect(await weighted((y) => tc.gather(y, indices, 1), x)).toEqual([2, 0, 4, 5, 0, 10]);
    expect(await weighted((y) => tc.gather(y, indices, -1), x)).toEqual([2, 0, 4, 5, 0, 10]);
  });

  it('puts the axes of the indices in place of the axis', async () => {
    const indices = tc.tensor(Int32Array.of(1, 1, 0, 2), [2, 2]);
    const picked = tc.gather(x, indices, 1);
    expect(picked.shape).toEqual([2, 2, 2]);
    expect(await numbers(picked)).toEqual([2, 2, 1, 3, 5, 5, 4, 6]);
    expect(await weighted((y) => tc.gather(y, indices, 1), x)).toEqual([3, 3, 4, 7, 11, 8]);
  });

  it('is twice differentiable: the adjoint of scattering is gathering', async () => {
    const table = tc.tensor([1, 2, 3, 4], [2, 2]);
    const indices = tc.tensor(Int32Array.of(0, 1, 0));
    // f = Σ rows³, df/dtable = Σ over uses 3 · row², d(Σ df²)/dtable = 36 · uses² · row³
    const first = tc.grad((t: tc.Tensor) => tc.embedding(t, indices).pow(3).sum());
    expect(await numbers(first(table))).toEqual([6, 24, 27, 48]);
    const second = tc.grad((t: tc.Tensor) => first(t).square().sum());
    expect(await numbers(second(table))).toEqual([144, 1152, 972, 2304]);
  });

  it('leaves rows of a table alone that no index names', async () => {
    const indices = tc.tensor(Int32Array.of(1, 1, 1), [3, 1]);
    const table = tc.zeros([3, 2]);
    expect(await weighted((t) => tc.embedding(t, indices), table)).toEqual([0, 0, 9, 12, 0, 0]);
  });
});

describe('grad', () => {
  it('can be taken of grad of grad', async () => {
    const f: Scalar = (x) => x.square().square().sum();
    const first: Scalar = (x) => tc.grad(f)(x).sum();
    const second: Scalar = (x) => tc.grad(first)(x).sum();
    const third: Scalar = (x) => tc.grad(second)(x).sum();
    const x = tc.tensor([-2, 0, 0.5]);
    expect(await numbers(tc.grad(f)(x))).toEqual([-32, 0, 0.5]);
    expect(await numbers(tc.grad(first)(x))).toEqual([48, 0, 3]);
    expect(await numbers(tc.grad(second)(x))).toEqual([-48, 0, 12]);
    expect(await numbers(tc.grad(third)(x))).toEqual([24, 24, 24]);
  });

  it('goes through ops whose gradient is an op of its own, as often as wanted', async () => {
    // silu = x·s: derivatives at 0 are 1/2, 1/2, 0, −1/2 (from the series x/2 + x²/4 − x⁴/48 + …)
    let f: Scalar = (x) => x.silu().sum();
    const derivatives: number[] = [];
    for (let order = 1; order <= 4; order++) {
      const g = tc.grad(f);
      derivatives.push((await numbers(g(tc.tensor([0]))))[0]!);
      f = (x) => g(x).sum();
    }
    expectClose(derivatives, [0.5, 0.5, 0, -0.5]);
  });

  it('keeps apart the paths on which one value reaches an op twice', async () => {
    // silu′(x)·cos(silu(x)) depends on x directly and through the cotangent: (sin ∘ silu)″ by hand
    const f: Scalar = (x) => x.silu().sin().sum();
    const second = tc.grad((x: tc.Tensor) => tc.grad(f)(x).sum());
    const at = 0.7;
    const s = 1 / (1 + Math.exp(-at));
    const [y, d1] = [at * s, s * (1 + at * (1 - s))];
    const d2 = s * (1 - s) * (2 + at * (1 - 2 * s));
    expectClose(await numbers(second(tc.tensor([at]))), [Math.cos(y) * d2 - Math.sin(y) * d1 ** 2]);
  });

  it('differentiates the first argument only; everything else is constant', async () => {
    const outside = tc.tensor([5, 6]);
    const f = (x: tc.Tensor, y: tc.Tensor): tc.Tensor => x.mul(y).add(x.mul(outside)).sum();
    expect(await numbers(tc.grad(f)(tc.tensor([1, 2]), tc.tensor([3, 4])))).toEqual([8, 10]);
  });

  it('treats one tensor passed twice as two arguments', async () => {
    const x = tc.tensor([3]);
    const product = (a: tc.Tensor, b: tc.Tensor): tc.Tensor => a.mul(b).sum();
    expect(await numbers(tc.grad(product)(x, x))).toEqual([3]);
    const both = tc.grad(({ a, b }: { a: tc.Tensor; b: tc.Tensor }) => a.square().mul(b).sum())({
      a: x,
      b: x,
    });
    expect(await numbers(both.a)).toEqual([18]);
    expect(await numbers(both.b)).toEqual([9]);
  });

  it('treats the argument captured from outside as a constant', async () => {
    const x = tc.tensor([3]);
    expect(await numbers(tc.grad((y: tc.Tensor) => y.mul(x).sum())(x))).toEqual([3]);
  });

  it('is zero for what the loss does not use, and for whole numbers', async () => {
    const parameters = { used: tc.tensor([2]), unused: tc.ones([2, 2]), count: tc.tensor(Int32Array.of(4)) };
    const gradients = tc.grad((p: typeof parameters) => p.used.mul(p.count.cast('float32')).sum())(
      parameters,
    );
    expect(await numbers(gradients.used)).toEqual([4]);
    expect(await numbers(gradients.unused)).toEqual([0, 0, 0, 0]);
    expect(gradients.unused.shape).toEqual([2, 2]);
    expect(gradients.count.dtype).toBe('int32');
    expect(await numbers(gradients.count)).toEqual([0]);
  });

  it('keeps the structure of the argument', () => {
    const tree = { b: [tc.ones([1]), { c: tc.ones([2]) }], a: tc.ones([3]) } as const;
    const gradients = tc.grad((t: typeof tree) => t.a.sum().add(t.b[1].c.sum()))(tree);
    expect(Object.keys(gradients)).toEqual(['b', 'a']);
    expect(gradients.b[1].c.shape).toEqual([2]);
  });

  it('gives the identity’s gradient where the loss is the argument', async () => {
    expect(await numbers(tc.grad((x: tc.Tensor) => x)(tc.tensor(7)))).toEqual([1]);
  });
});

describe('valueAndGrad', () => {
  it('hands back what else the function computed', async () => {
    const f = tc.valueAndGrad((x: tc.Tensor, scale: tc.Tensor) => {
      const prediction = x.mul(scale);
      return { loss: prediction.square().sum(), prediction };
    });
    const { value, gradients } = f(tc.tensor([1, 2]), tc.tensor(3));
    expect(await value.loss.item()).toBe(45);
    expect(await numbers(value.prediction)).toEqual([3, 6]);
    expect(await numbers(gradients)).toEqual([18, 36]);
  });
});

describe('what cannot be differentiated', () => {
  it('is named', () => {
    const opaque = defineOp({ name: 'opaque', infer: ([x]) => x! });
    const f: Scalar = (x) => new tc.Tensor(opaque([x.node], {})).sum();
    expect(() => tc.grad(f)(tc.ones([2]))).toThrow(tc.UnsupportedOpError);
    expect(() => tc.grad(f)(tc.ones([2]))).toThrow(/the op opaque has no gradient; use stopGradient/);
    // Constants may go through it.
    expect(() => tc.grad((x: tc.Tensor) => x.sum().add(f(tc.ones([2]))))(tc.ones([2]))).not.toThrow();
  });

  it.each<[string, Scalar, RegExp]>([
    [
      'a loss with axes',
      (x) => x,
      /wants a floating-point scalar loss, got float32 \[2\]; take its mean or sum/,
    ],
    ['a whole number', (x) => x.cast('int32').sum(), /wants a floating-point scalar loss, got int32 \[\]/],
  ])('%s is refused', (_, f, message) => expect(() => tc.grad(f)(tc.ones([2]))).toThrow(message));

  it('a cotangent of another shape is refused', () => {
    const x = inputNode({ shape: [2], dtype: 'float32' });
    const y = inputNode({ shape: [3], dtype: 'float32' });
    expect(() => vjp([x], [y], [x])).toThrow(/an output of \[2\] wants a cotangent of that shape, got \[3\]/);
  });
});
