/** google/ddpm-cifar10-32 at its full size, with random weights: output and every gradient against diffusers. */
import { type Device, openDevice, type Tensor } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkModelWeights, countParameters, modelParameters } from '../src/index.ts';
import { readRecording, recordedInputs, recordedWeights } from './golden.ts';
import { errorsOf, runWithGradients } from './gradients.ts';

describe('ddpm-cifar10-32', () => {
  let device: Device;
  let weights: Record<string, Tensor>;
  beforeAll(async () => {
    device = await openDevice('cpu');
    weights = recordedWeights(await readRecording('ddpm-cifar10-32')); // the same for both variants
  });
  afterAll(() => device.dispose());

  it.each(['ddpm-cifar10-32', 'ddpm-cifar10-32-one-head'])('%s agrees with diffusers', async (name) => {
    const recording = await readRecording(name);
    const { config } = recording;
    checkModelWeights(config, weights);
    const specs = modelParameters(config);
    expect(Object.keys(specs)).toHaveLength(328);
    expect(countParameters(specs)).toBe(35_746_307);
    const result = await runWithGradients(device, config, weights, recordedInputs(recording));
    const errors = await errorsOf(recording, result);
    for (const [what, error] of Object.entries(errors)) expect(error, what).toBeLessThanOrEqual(1);
  });
});
