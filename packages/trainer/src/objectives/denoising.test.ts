import { assignNoise } from '@immiscible/assignment';
import { RandomStream, streamNormal, streamUniform } from '@immiscible/random';
import { NoiseSchedule, type PredictionType, trainingDraw } from '@immiscible/schedulers';
import { type Tensor, tensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { floats, relativeError, testDevice } from '../../test/tiny.ts';
import { type DenoisingDraws, denoisingLoss, denoisingTask } from './denoising.ts';
import { type Samples } from './objective.ts';

const [B, C, H, W] = [6, 2, 3, 4];
const SHAPE = [B, C, H, W];
const D = C * H * W;
const SEED = 11;
const schedule = new NoiseSchedule({ _class_name: 'DDPMScheduler' });
testDevice();

/** Images, noise as drawn, noise as assigned, and α, σ at timesteps spread over the whole schedule. */
async function sample() {
  const x0 = streamUniform(SEED, 0, new Float32Array(B * D)).map((u) => 2 * u - 1);
  const drawn = streamNormal(SEED, 1, new Float32Array(B * D));
  const { noise, pairing } = await assignNoise({ data: x0, shape: SHAPE }, { data: drawn, shape: SHAPE });
  const { timesteps, alpha, sigma, weight } = trainingDraw(
    schedule,
    Float32Array.from({ length: B }, (_, i) => (i + 0.5) / B),
  );
  const batch: Samples & DenoisingDraws = {
    x0: tensor(x0, SHAPE),
    noise: tensor(noise, SHAPE),
    timesteps: floats(timesteps),
    alpha: floats(alpha),
    sigma: floats(sigma),
    weight: floats(weight),
  };
  return { x0, drawn, noise, pairing, alpha, sigma, batch };
}

async function run(type: PredictionType, batch: Samples & DenoisingDraws) {
  const { xt, target } = denoisingTask(type, batch);
  expect([xt.shape, target.shape]).toEqual([SHAPE, SHAPE]);
  return { xt: await xt.data(), target: await target.data() };
}

/** f of each element and its sample, in float64. */
function each(f: (element: number, sample: number) => number): Float64Array {
  return Float64Array.from({ length: B * D }, (_, e) => f(e, Math.floor(e / D)));
}

describe('denoisingTask', () => {
  it.each(['epsilon', 'sample', 'v_prediction'] as const)(
    '%s: x_t and target in closed form',
    async (type) => {
      const { x0, noise, alpha, sigma, batch } = await sample();
      const { xt, target } = await run(type, batch);
      expect(
        relativeError(
          xt,
          each((e, i) => alpha[i]! * x0[e]! + sigma[i]! * noise[e]!),
        ),
      ).toBeLessThan(2e-7);
      const expected = {
        epsilon: each((e) => noise[e]!),
        sample: each((e) => x0[e]!),
        v_prediction: each((e, i) => alpha[i]! * noise[e]! - sigma[i]! * x0[e]!),
      };
      expect(relativeError(target, expected[type])).toBeLessThan(2e-7);
    },
  );

  it('makes x_t of the very noise that is the target: recovered from x_t, it is the assigned noise, not the drawn one', async () => {
    const { x0, drawn, noise, pairing, alpha, sigma, batch } = await sample();
    const moved = [...pairing].filter((row, i) => row !== i).length;
    expect(moved, 'rows that the assignment moved').toBeGreaterThan(1);
    const { xt, target } = await run('epsilon', batch);
    const recovered = each((e, i) => (xt[e]! - alpha[i]! * x0[e]!) / sigma[i]!);
    expect(relativeError(target, recovered)).toBeLessThan(1e-4);
    expect([...target]).toEqual([...noise]);
    expect(relativeError(Float32Array.from(recovered), drawn)).toBeGreaterThan(0.1);
  });

  it('has a v from which x_0 and the assigned noise come back', async () => {
    const { x0, noise, alpha, sigma, batch } = await sample();
    const { xt, target: v } = await run('v_prediction', batch);
    expect(
      relativeError(
        x0,
        each((e, i) => alpha[i]! * xt[e]! - sigma[i]! * v[e]!),
      ),
    ).toBeLessThan(1e-6);
    expect(
      relativeError(
        noise,
        each((e, i) => sigma[i]! * xt[e]! + alpha[i]! * v[e]!),
      ),
    ).toBeLessThan(1e-6);
  });
});

describe('denoisingLoss', () => {
  const normal = (stream: number): Tensor =>
    tensor(streamNormal(SEED, stream, new Float32Array(B * D)), SHAPE);

  it('is the mean of weighted squared errors', async () => {
    const [prediction, target] = [normal(2), normal(3)];
    const weights = new RandomStream(SEED, 4);
    const weight = Array.from({ length: B }, () => Math.fround(5 * weights.uniform()));
    const [p, t] = [await prediction.data(), await target.data()];
    const expected = each((e, i) => weight[i]! * (p[e]! - t[e]!) ** 2).reduce((a, b) => a + b, 0) / (B * D);
    const loss = await denoisingLoss(prediction, target, floats(weight)).item();
    expect(loss / expected).toBeCloseTo(1, 6);
  });

  it('does not see a sample of weight 0', async () => {
    const target = normal(3);
    const off = (await target.data()).map((value, e) => value + (e < D ? 100 : 1));
    const weight = floats(Array.from({ length: B }, (_, i) => (i === 0 ? 0 : 1)));
    expect(await denoisingLoss(tensor(off, SHAPE), target, weight).item()).toBeCloseTo((B - 1) / B, 5);
  });
});
