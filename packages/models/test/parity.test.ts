/** Output and every gradient of small models against diffusers in float64 (golden/README.md has the tolerance's reason). */
import { type Device, openDevice, webgpuAdapters } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkModelWeights } from '../src/index.ts';
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
  ['adm-64', 'own'],
  ['other-values', 'own'],
  ['no-attention', 'own'],
  ['no-middle', 'own'],
];

const adapters = await webgpuAdapters();
const noAdapter = adapters.some(({ software }) => software)
  ? ''
  : ' (skipped: no software WebGPU adapter here; node scripts/lavapipe.mjs unpacks one)';

const devices: [string, string, typeof cases][] = [
  ['cpu', '', cases],
  // A software adapter compiles for minutes what a GPU compiles in seconds: three of them, all kinds of block.
  ['webgpu:software', noAdapter, cases.slice(0, 3)],
];

describe.each(devices)('UNet2DModel agrees with diffusers on %s%s', (deviceName, reason, only) => {
  let device: Device;
  beforeAll(async () => {
    if (reason === '') device = await openDevice(deviceName);
  });
  afterAll(() => device?.dispose());

  it.skipIf(reason !== '').each(only)(
    '%s',
    async (name, folder) => {
      const recording = await readRecording(name, folder);
      const { config } = recording;
      const weights = recordedWeights(recording);
      checkModelWeights(config, weights);
      const result = await runWithGradients(device, config, weights, recordedInputs(recording));
      const errors = await errorsOf(recording, result);
      for (const [what, error] of Object.entries(errors)) expect(error, what).toBeLessThanOrEqual(1);
    },
    180_000,
  );
});
