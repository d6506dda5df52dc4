/**
 * Every op, forward, backward and (where recorded) twice differentiated, against values computed by PyTorch in
 * float64. Run on the CPU once with the blocked kernels and once without, since a machine may have either, and on the
 * GPU that the CPU plays.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tc from '../src/index.ts';
import { Device } from '../src/device.ts';
import { goldenJson, goldenTensors, relativeError } from './golden.ts';
import { callOp, type OpCase } from './op-cases.ts';
import { cpu, plainCpu, webgpu } from './machines.ts';

const { cases, tolerance } = goldenJson<{ cases: OpCase[]; tolerance: number }>('ops.json');
describe.each([cpu, plainCpu, webgpu])('ops $name', ({ open, gpu, skipped }) => {
  let device: Device;
  let recorded: Record<string, tc.StoredTensor>;

  beforeAll(async () => {
    recorded = await goldenTensors('ops.safetensors');
    if (!skipped) device = new Device(await open());
  });
  afterAll(() => device?.dispose());

  it.skipIf(skipped).each(cases.map((c) => [c.name, c] as const))('%s', async (_, c) => {
    const passesHalf = JSON.stringify(c).includes('float16');
    // Gradients of gradients are made of the same ops: targets differ in those, not in how they are put together.
    const wantsSecond = c.second !== undefined && !gpu;
    const allowed = gpu && passesHalf ? 5e-4 : tolerance;
    const inputs = c.inputs.map(({ stored }) => {
      const { data, shape, dtype } = recorded[stored]!;
      return tc.tensor(data, shape, dtype);
    });
    const floats = c.inputs.flatMap(({ dtype }, i) => (dtype === 'float32' ? [i] : []));
    const cotangent = c.cotangent === undefined ? undefined : recorded[c.cotangent];
    const loss = (x: tc.Tensor[], rest: tc.Tensor[]): tc.Tensor => {
      const y = callOp(c, place(rest, floats, x));
      return y.cast('float32').mul(tc.tensor(cotangent!.data, cotangent!.shape)).sum();
    };
    const step = device.compile(({ x }: { x: tc.Tensor[] }) => {
      const wanted = floats.map((i) => x[i]!);
      const first = c.grads ? tc.grad(loss)(wanted, x) : [];
      const twice = (y: tc.Tensor[]): tc.Tensor =>
        tc
          .grad(loss)(y, x)
          .map((g) => g.square().sum())
          .reduce((a, b) => a.add(b));
      return { y: callOp(c, x), first, second: wantsSecond ? tc.grad(twice)(wanted) : [] };
    });
    const { y, first, second } = await step({ x: inputs });
    await step.dispose();
    expect(y.shape).toEqual(c.outputShape);
    expect(y.dtype).toBe(c.outputDtype);
    const value = { data: await y.data(), shape: y.shape, dtype: y.dtype };
    expect(relativeError(tc.widen(value).data, tc.widen(recorded[c.output]!).data)).toBeLessThan(allowed);
    for (const [k, i] of floats.entries()) {
      const { name } = c.inputs[i]!;
      if (c.grads) {
        const error = relativeError(await first[k]!.data(), recorded[c.grads[name]!]!.data);
        expect(error, `gradient with respect to ${name}`).toBeLessThan(allowed);
      }
      if (wantsSecond) {
        const error = relativeError(await second[k]!.data(), recorded[c.second![name]!]!.data);
        expect(error, `second gradient with respect to ${name}`).toBeLessThan(allowed);
      }
    }
  });
});

/** `all` with the entries at `positions` replaced. */
function place<T>(all: readonly T[], positions: readonly number[], values: readonly T[]): T[] {
  const result = [...all];
  positions.forEach((position, k) => (result[position] = values[k]!));
  return result;
}
