/** Output and every gradient of small models against diffusers in float64 (golden/README.md has the tolerance's reason). */
import { type Device, openDevice } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkUnet2dWeights } from '../src/index.ts';
import { type Folder, readRecording, recordedInputs, recordedWeights } from './golden.ts';
import { errorsOf, runWithGradients } from './gradients.ts';

const cases: [string, Folder][] = [
  ['tiny', 'shared'],
  ['demo', 'shared'],
  ['class-conditional', 'shared'],
  ['scale-shift', 'shared'],
  ['resnet-sampling', 'shared'],
  ['fourier', 'shared'],
  ['adm', 'own'],
  ['other-values', 'own'],
  ['no-attention', 'own'],
  ['no-middle', 'own'],
];

describe('UNet2DModel agrees with diffusers', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu');
  });
  afterAll(() => device.dispose());

  it.each(cases)('%s', async (name, folder) => {
    const recording = await readRecording(name, folder);
    const { config } = recording;
    const weights = recordedWeights(recording);
    checkUnet2dWeights(config, weights);
    const result = await runWithGradients(device, config, weights, recordedInputs(recording));
    const errors = await errorsOf(recording, result);
    for (const [what, error] of Object.entries(errors)) expect(error, what).toBeLessThanOrEqual(1);
  });
});
