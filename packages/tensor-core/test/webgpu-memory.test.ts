/** Memory of WebGPU programs: nothing grows over steps, donated values are written in place, temporaries take turns. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tc from '../src/index.ts';
import { softwareGpu } from './webgpu.ts';

const gpu = await softwareGpu();
const [B, D, H] = [16, 24, 32];

type State = { w: tc.Tensor; v: tc.Tensor; m: tc.Tensor };

/** A network of two layers and one step of momentum. */
function step({ state, x, rate }: { state: State; x: tc.Tensor; rate: tc.Tensor }): {
  state: State;
  loss: tc.Tensor;
} {
  const loss = ({ w, v }: { w: tc.Tensor; v: tc.Tensor }): tc.Tensor =>
    x.matmul(w).silu().matmul(v).sub(x).square().mean();
  const { value, gradients } = tc.valueAndGrad(loss)({ w: state.w, v: state.v });
  const m = state.m.mul(0.9).add(tc.concat([gradients.w.reshape([-1]), gradients.v.reshape([-1])], 0));
  const update = m.mul(rate);
  return {
    state: {
      w: state.w.sub(update.slice([0], [D * H]).reshape([D, H])),
      v: state.v.sub(update.slice([D * H], [2 * D * H]).reshape([H, D])),
      m,
    },
    loss: value,
  };
}

function ramp(...shape: number[]): tc.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  return tc.tensor(
    Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 4),
    shape,
  );
}

describe.skipIf(!gpu.available)(`memory on WebGPU${gpu.reason}`, () => {
  let device: tc.Device;
  beforeAll(async () => {
    device = await tc.openDevice('webgpu:software');
  });
  afterAll(() => device?.dispose());

  it('holds as many buffers and bytes after 200 steps as after two', async () => {
    const before = device.liveBuffers();
    const train = device.compile(step, { donate: ['state'] });
    let state: State = { w: ramp(D, H), v: ramp(H, D), m: tc.zeros([2 * D * H]) };
    const rate = tc.tensor(0.05);
    const live: ReturnType<tc.Device['liveBuffers']>[] = [];
    const losses: number[] = [];
    for (let k = 0; k < 200; k++) {
      const x = ramp(B, D);
      const result = await train({ state, x, rate });
      ({ state } = result);
      if (k % 20 === 0) losses.push(await result.loss.item());
      tc.disposeTree([result.loss, x]);
      live.push(device.liveBuffers());
    }
    expect(live.at(-1)).toEqual(live[1]);
    expect(losses.at(-1)).toBeLessThan(losses[0]! / 2);
    tc.disposeTree([state, rate]);
    await train.dispose();
    expect(device.liveBuffers()).toEqual(before);
  }, 120_000);

  it('keeps fewer bytes than its intermediate values have together', async () => {
    const chain = device.compile(({ x }: { x: tc.Tensor }) => {
      let y = x;
      for (let k = 0; k < 12; k++) y = tc.softmax(y.matmul(y.mul(0.1), { transposeB: true }), -1).matmul(y);
      return { y };
    });
    const { y } = await chain({ x: ramp(64, 64) });
    await y.data();
    const { temporaryBytes, unsharedBytes } = chain.report as Record<string, number>;
    expect(temporaryBytes).toBeGreaterThan(0);
    expect(temporaryBytes! * 4).toBeLessThan(unsharedBytes!);
    y.dispose();
    await chain.dispose();
  });

  it('replays one step in far fewer dispatches than it has ops', async () => {
    const train = device.compile(step, { donate: ['state'] });
    const result = await train({
      state: { w: ramp(D, H), v: ramp(H, D), m: tc.zeros([2 * D * H]) },
      x: ramp(B, D),
      rate: tc.tensor(0.05),
    });
    await result.loss.item();
    const { graphNodes, dispatches } = train.report as Record<string, number>;
    expect(dispatches! * 2).toBeLessThan(graphNodes!);
    tc.disposeTree(result);
    await train.dispose();
  });
});
