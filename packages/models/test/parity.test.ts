/** Output and every gradient of small models against diffusers in float64 (golden/README.md has the tolerance's reason). */
import { type Device, openDevice } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkUnet2dWeights } from '../src/index.ts';
import {
  type Folder,
  readRecording,
  recordedInputs,
  recordedWeights,
  relativeError,
  summaryError,
} from './golden.ts';
import { runWithGradients } from './gradients.ts';

const cases: [string, Folder][] = [
  ['tiny', 'shared'],
  ['demo', 'shared'],
  ['class-conditional', 'shared'],
  ['scale-shift', 'shared'],
  ['resnet-sampling', 'shared'],
  ['fourier', 'shared'],
];

describe('UNet2DModel agrees with diffusers', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu');
  });
  afterAll(() => device.dispose());

  it.each(cases)('%s', async (name, folder) => {
    const recording = await readRecording(name, folder);
    const { head, config, stored } = recording;
    const weights = recordedWeights(recording);
    checkUnet2dWeights(config, weights);
    const result = await runWithGradients(device, config, weights, recordedInputs(recording));
    const errors: Record<string, number> = {
      output: relativeError(await result.output.data(), stored['output']!.data) / head.tolerance,
      sample: relativeError(await result.sample.data(), stored['grad-sample']!.data) / head.tolerance,
    };
    for (const { name: parameter, gradient, frozen } of head.parameters) {
      const value = await result.parameters[parameter]!.data();
      if (frozen) errors[parameter] = value.some((v) => v !== 0) ? Infinity : 0;
      else errors[parameter] = summaryError(value, gradient!, head.gradientNorm, head.tolerance);
      const full = stored[`grad/${parameter}`];
      if (full && !(gradient && 'zero' in gradient)) {
        const error = relativeError(value, full.data) / head.tolerance;
        errors[parameter] = Math.max(errors[parameter]!, error);
      }
    }
    for (const [what, error] of Object.entries(errors)) expect(error, what).toBeLessThanOrEqual(1);
  });
});
