import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lacking, runPython } from '../test/python.ts';
import * as tc from './index.ts';

let device: tc.Device;
beforeAll(async () => {
  device = await tc.openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

const values = (shape: number[], seed = 1): tc.Tensor =>
  tc.tensor(
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(seed + 1.7 * i)),
    shape,
  );

/** A convolution, a norm, attention and a residual: what a U-Net is made of. */
function network({ image, label }: { image: tc.Tensor; label: tc.Tensor }): {
  logits: tc.Tensor;
  hidden: tc.Tensor;
} {
  const [n] = image.shape as [number];
  const features = tc.conv2d(image, values([16, 3, 3, 3]), { padding: 1, bias: values([16], 2) });
  const normed = tc.groupNorm(features, values([16], 3), values([16], 4), { groups: 4, eps: 1e-5 }).silu();
  const tokens = tc.avgPool2d(normed, { kernel: 2 }).reshape([n, 16, 4]).transpose([0, 2, 1]);
  const attended = tokens.add(tc.scaledDotProductAttention(tokens, tokens, tokens));
  const named = attended.add(tc.embedding(values([5, 16], 5), label).reshape([n, 1, 16]));
  return { logits: tc.linear(named.mean(1), values([7, 16], 6)), hidden: named };
}

const inputs = { image: values([2, 3, 4, 4], 7), label: tc.tensor(Int32Array.of(4, 0)) };

/** Runs a model elsewhere: a session of its own, with no settings of ours. */
async function runModel(
  model: Uint8Array,
  feeds: Record<string, tc.Tensor>,
): Promise<Record<string, tc.HostArray>> {
  const session = await InferenceSession.create(model);
  const given = Object.entries(feeds).map(
    async ([name, x]) => [name, new OrtTensor(x.dtype, (await x.data()) as Float32Array, x.shape)] as const,
  );
  const results = await session.run(Object.fromEntries(await Promise.all(given)));
  await session.release();
  return Object.fromEntries(Object.entries(results).map(([name, y]) => [name, y.data as Float32Array]));
}

async function expectSame(actual: tc.HostArray | undefined, expected: tc.Tensor): Promise<void> {
  const wanted = await expected.data();
  expect(actual).toHaveLength(wanted.length);
  actual!.forEach((v, i) => expect(Math.abs(v - wanted[i]!)).toBeLessThan(1e-5));
}

describe('exportOnnx', () => {
  it('writes a network with its weights, which computes the same elsewhere', async () => {
    const results = await runModel(await tc.exportOnnx(network, inputs), inputs);
    expect(Object.keys(results)).toEqual(['logits', 'hidden']);
    const { logits, hidden } = network(inputs);
    await expectSame(results['logits'], logits);
    await expectSame(results['hidden'], hidden);
  });

  it('writes a training step, which trains elsewhere', async () => {
    const step = ({ weight, x }: { weight: tc.Tensor; x: tc.Tensor }): tc.Tree => {
      const loss = (w: tc.Tensor): tc.Tensor => x.matmul(w, { transposeB: true }).silu().square().mean();
      const { value, gradients } = tc.valueAndGrad(loss)(weight);
      return { next: weight.sub(gradients.mul(0.5)), loss: value };
    };
    const given = { weight: values([3, 4]), x: values([5, 4], 2) };
    const results = await runModel(await tc.exportOnnx(step, given), given);
    const expected = step(given) as { next: tc.Tensor; loss: tc.Tensor };
    await expectSame(results['next'], expected.next);
    await expectSame(results['loss'], expected.loss);
  });

  it('uses operators of ONNX alone', async () => {
    const gradient = (x: typeof inputs): tc.Tensor =>
      tc.grad((image: tc.Tensor) =>
        network({ ...x, image })
          .logits.square()
          .sum(),
      )(x.image);
    const text = new TextDecoder('latin1').decode(await tc.exportOnnx(gradient, inputs));
    expect(text).toContain('ConvTranspose');
    expect(text).not.toContain('com.microsoft');
  });

  it('names inputs and outputs by their paths, and tells two of one name apart', async () => {
    const f = ({ a, v3 }: { a: { b: tc.Tensor }[]; v3: tc.Tensor }): tc.Tree => ({
      v3: v3.add(1),
      sum: [a[0]!.b.add(v3)],
    });
    const x = tc.tensor([1, 2]);
    const results = await runModel(await tc.exportOnnx(f, { a: [{ b: x }], v3: x }), {
      'a/0/b': x,
      'input/v3': x,
    });
    expect(Object.keys(results)).toEqual(['output/v3', 'sum/0']);
    const single = await tc.exportOnnx((i: { x: tc.Tensor }) => i.x.mul(2), { x });
    expect(await runModel(single, { x })).toEqual({ output: Float32Array.of(2, 4) });
    const clash = tc.exportOnnx(() => ({ a: { b: x }, 'a/b': x }), {});
    await expect(clash).rejects.toThrow(/exportOnnx: two values are named a\/b; rename one of them/);
  });

  it('refuses random numbers', async () => {
    const f = ({ x, key }: { x: tc.Tensor; key: tc.Tensor }): tc.Tensor => tc.dropout(x, 0.5, key);
    const given = { x: tc.ones([1, 2]), key: tc.ones([1, 2], 'int32') };
    await expect(tc.exportOnnx(f, given)).rejects.toThrow(tc.UnsupportedOpError);
    await expect(tc.exportOnnx(f, given)).rejects.toThrow(
      /no operator for randomUniform; pass the numbers in/,
    );
  });

  const reason = lacking('onnx');
  it.skipIf(reason !== undefined)(
    `passes ONNX's own checker${reason === undefined ? '' : ` (skipped: ${reason})`}`,
    async () => {
      const folder = await mkdtemp(path.join(tmpdir(), 'onnx-'));
      try {
        const file = path.join(folder, 'model.onnx');
        await writeFile(file, await tc.exportOnnx(network, inputs));
        const code = `
import sys, onnx
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model, full_check=True)
print([(o.domain, o.version) for o in model.opset_import], [i.name for i in model.graph.input])`;
        expect(runPython(code, file)).toBe("[('', 18)] ['image', 'label']\n");
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  );
});
