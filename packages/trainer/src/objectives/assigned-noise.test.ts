/** For every objective: what the network is shown was made of the noise that was assigned, and so is what it should say. */
import { tensor, type Tensor, zeros } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { openData, type Overrides, relativeError, testDevice, tinyRun } from '../../test/tiny.ts';
import { BatchSource } from '../batches.ts';
import { type StepBatch } from '../step.ts';
import { type Network, type Objective } from './objective.ts';
import { objectiveOf } from './objective-of.ts';

testDevice();
const D = 64;
const consistency = { scheduler: { _class_name: 'CMStochasticIterativeScheduler' } };

interface Case {
  readonly name: string;
  readonly overrides: Overrides;
  /** Coefficients of x_0 and of the noise in what the network is shown at the sample's level (σ, t or α and σ). */
  readonly mix: (
    values: Readonly<Record<string, Float32Array>>,
    i: number,
    target: boolean,
  ) => [number, number];
}

const atSigma = (sigma: number): [number, number] => {
  const scale = 1 / Math.sqrt(sigma ** 2 + 0.25);
  return [scale, sigma * scale];
};
const pair: Case['mix'] = ({ sigma, lower }, i, target) => {
  const level = target ? lower![i]! : sigma![i]!;
  return atSigma(level > 0 ? level : sigma![i]!);
};

const cases: readonly Case[] = [
  {
    name: 'denoising',
    overrides: { objective: { kind: 'denoising' } },
    mix: ({ alpha, sigma }, i) => [alpha![i]!, sigma![i]!],
  },
  {
    name: 'consistency-training',
    overrides: { ...consistency, objective: { kind: 'consistency-training' } },
    mix: pair,
  },
  {
    name: 'improved-consistency-training',
    overrides: { ...consistency, objective: { kind: 'improved-consistency-training' } },
    mix: pair,
  },
  {
    name: 'easy-consistency-tuning',
    overrides: { ...consistency, objective: { kind: 'easy-consistency-tuning', from: 'elsewhere', q: 256 } },
    mix: pair,
  },
  {
    name: 'edm',
    overrides: { objective: { kind: 'edm' }, scheduler: { _class_name: 'EDMHeunScheduler' } },
    mix: ({ sigma }, i) => atSigma(sigma![i]!),
  },
  {
    name: 'flow-matching',
    overrides: {
      objective: { kind: 'flow-matching' },
      scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler' },
    },
    mix: ({ time }, i) => [1 - time![i]!, time![i]!],
  },
];

async function batchOf(
  overrides: Overrides,
  method: string,
): Promise<{ batch: StepBatch; objective: Objective }> {
  const config = tinyRun({ ...overrides, assignment: { method, precision: 'f32' } });
  const objective = objectiveOf(config);
  const source = new BatchSource(config, await openData(config), objective);
  const { batch } = await source.next();
  await source.close();
  return { batch, objective };
}

async function valuesOf(batch: StepBatch): Promise<Record<string, Float32Array>> {
  const entries = Object.entries(batch).map(async ([name, x]) => [name, await x.data()] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<string, Float32Array>;
}

/** The loss with a network that answers `answer`, and what it and the target were shown. */
function lossWith(objective: Objective, batch: StepBatch, answer: Network) {
  const shown: { online?: Tensor; target?: Tensor } = {};
  const loss = objective.loss({
    network: (sample, timestep) => answer((shown.online = sample), timestep),
    target: (sample, timestep) => answer((shown.target = sample), timestep),
    batch,
    frozen: {},
  });
  return { loss, shown };
}

describe.each(cases)('$name', ({ overrides, mix }) => {
  it('shows the network images made of the noise that was assigned to them', async () => {
    const { batch, objective } = await batchOf(overrides, 'linear');
    const drawn = await valuesOf((await batchOf(overrides, 'identity')).batch);
    const values = await valuesOf(batch);
    const { x0, noise } = values;
    const row = (array: Float32Array, i: number): string => array.subarray(i * D, (i + 1) * D).join();
    const moved = Array.from({ length: 16 }, (_, i) => row(noise!, i) !== row(drawn['noise']!, i));
    expect(moved.filter(Boolean).length, 'rows that the assignment moved').toBeGreaterThan(4);

    const { loss, shown } = lossWith(objective, batch, (sample) => zeros(sample.shape));
    expect(await loss.item()).toBeGreaterThan(0);
    for (const [who, sample] of Object.entries(shown)) {
      const made = (from: Float32Array): Float32Array =>
        from.map((z, e) => {
          const [image, part] = mix(values, Math.floor(e / D), who === 'target');
          return image * x0![e]! + part * z;
        });
      const seen = await sample.data();
      expect(relativeError(seen, made(noise!)), who).toBeLessThan(2e-6);
      expect(relativeError(seen, made(drawn['noise']!)), `${who}, of noise as drawn`).toBeGreaterThan(1e-3);
    }
  });
});

describe('what the network should say', () => {
  it.each([
    ['denoising', cases[0]!.overrides, (noise: Float32Array) => noise],
    [
      'flow-matching',
      cases[5]!.overrides,
      (noise: Float32Array, x0: Float32Array) => noise.map((z, e) => z - x0[e]!),
    ],
  ] as const)('%s: is said of the assigned noise, and of no other', async (_, overrides, answer) => {
    const { batch, objective } = await batchOf(overrides, 'linear');
    const drawn = await valuesOf((await batchOf(overrides, 'identity')).batch);
    const { x0, noise } = await valuesOf(batch);
    const answering = async (z: Float32Array): Promise<number> =>
      lossWith(objective, batch, (sample) => tensor(answer(z, x0!), sample.shape)).loss.item();
    expect(await answering(noise!)).toBeLessThan(1e-12);
    expect(await answering(drawn['noise']!)).toBeGreaterThan(0.3);
  });

  it('edm: is the image, whose denoiser is answered for by F = (x_0 − c_skip x) / c_out', async () => {
    const { batch, objective } = await batchOf(cases[4]!.overrides, 'linear');
    const { x0, noise, sigma } = await valuesOf(batch);
    const perfect = x0!.map((image, e) => {
      const s = sigma![Math.floor(e / D)]!;
      const total = s ** 2 + 0.25;
      return ((image - (0.25 / total) * (image + s * noise![e]!)) / (0.5 * s)) * Math.sqrt(total);
    });
    const { loss } = lossWith(objective, batch, (sample) => tensor(perfect, sample.shape));
    expect(await loss.item()).toBeLessThan(1e-8);
  });

  it('denoising with an offset: is the assigned noise and the offset, both in x_t', async () => {
    const { batch, objective } = await batchOf(
      { objective: { kind: 'denoising', offsetNoise: 0.5 } },
      'linear',
    );
    const { x0, noise, offset, alpha, sigma } = await valuesOf(batch);
    const whole = noise!.map((z, e) => z + offset![Math.floor(e / D)]!);
    expect(new Set(offset).size).toBe(16);
    const { loss, shown } = lossWith(objective, batch, (sample) => tensor(whole, sample.shape));
    expect(await loss.item()).toBeLessThan(1e-12);
    const xt = whole.map((z, e) => {
      const i = Math.floor(e / D);
      return alpha![i]! * x0![e]! + sigma![i]! * z;
    });
    expect(relativeError(await shown.online!.data(), xt)).toBeLessThan(1e-6);
  });
});
