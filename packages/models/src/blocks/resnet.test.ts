import { type Device, openDevice, type Tensor, tensor } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initParameters } from '../initialize.ts';
import { resnet, type ResnetPlan, resnetSpecs } from './resnet.ts';

const plan: ResnetPlan = {
  path: 'block',
  inputs: 8,
  outputs: 8,
  timeChannels: 4,
  norm: { groups: 2, eps: 1e-5 },
  activation: 'silu',
  scaleShift: false,
  resample: 'none',
  outputScale: 1,
  dropout: 0.5,
  salt: 0,
};

describe('resnet', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu', { threads: 1 });
  });
  afterAll(() => device.dispose());

  const parameters = initParameters(resnetSpecs(plan), 1);
  const x = tensor(
    Float32Array.from({ length: 128 }, (_, i) => Math.sin(i)),
    [1, 8, 4, 4],
  );
  const time = tensor([1, -1, 0.5, 2], [1, 4]);
  const key = tensor([7, 9], [1, 2], 'int32');
  const apply = async (change: Partial<ResnetPlan>, dropoutKey?: Tensor): Promise<ArrayLike<number>> =>
    resnet({ ...plan, ...change }, (name) => parameters[name]!, x, time, dropoutKey).data();

  it('drops other units in a block with another salt, under the same key', async () => {
    const first = await apply({}, key);
    expect(await apply({}, key)).toEqual(first);
    expect(await apply({ salt: 1 }, key)).not.toEqual(first);
    expect(await apply({})).not.toEqual(first);
  });

  it('divides the sum, not the branch, by its scale', async () => {
    const [one, two] = [await apply({}), await apply({ outputScale: 2 })];
    expect(two).toEqual(Float32Array.from(one, (v) => v / 2));
  });
});
