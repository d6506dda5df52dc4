/** NCSN++, DDPM++ and the MLP: output and every gradient against PyTorch in float64 (golden/README.md). */
import { type Device, openDevice, webgpuAdapters } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkModelWeights } from '../src/index.ts';
import { readRecording, recordedInputs, recordedWeights } from './golden.ts';
import { errorsOf, runWithGradients } from './gradients.ts';

const cases = ['mlp', 'mlp-odd', 'ncsnpp', 'ddpmpp', 'ncsnpp-odd', 'ddpmpp-flat', 'ddpmpp-residual'];

const adapters = await webgpuAdapters();
const noAdapter = adapters.some(({ software }) => software)
  ? ''
  : ' (skipped: no software WebGPU adapter here; node scripts/lavapipe.mjs unpacks one)';

const devices: [string, string, typeof cases][] = [
  ['cpu', '', cases],
  // A software adapter compiles for minutes what a GPU compiles in seconds (fir.test.ts has the filters, parity.test.ts all other ops).
  ['webgpu:software', noAdapter, ['mlp-odd']],
];

describe.each(devices)('networks agree with PyTorch on %s%s', (deviceName, reason, only) => {
  let device: Device;
  beforeAll(async () => {
    if (reason === '') device = await openDevice(deviceName);
  });
  afterAll(() => device?.dispose());

  it.skipIf(reason !== '').each(only)(
    '%s',
    async (name) => {
      const recording = await readRecording(name, 'own', 'networks');
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
