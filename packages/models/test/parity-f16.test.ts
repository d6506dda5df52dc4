/**
 * The network in float16, as mixed-precision training runs it: weights and activations rounded, frequencies and
 * timesteps not. Some forty layers that each round to 11 bits come to 3e-3.
 */
import { type Device, openDevice, type Tensor, valueAndGrad } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyModel, modelParameters, type ModelInputs } from '../src/index.ts';
import { type Folder, readRecording, recordedInputs, recordedWeights, relativeError } from './golden.ts';

const TOLERANCE = 5e-3;

const cases: [string, Folder, 'unet' | 'networks'][] = [
  ['tiny', 'shared', 'unet'],
  ['class-conditional', 'shared', 'unet'],
  ['scale-shift', 'shared', 'unet'],
  ['resnet-sampling', 'shared', 'unet'],
  ['fourier', 'shared', 'unet'],
  ['ncsnpp', 'own', 'networks'],
  ['mlp-odd', 'own', 'networks'],
];

describe('networks in float16 agree with their references', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu');
  });
  afterAll(() => device.dispose());

  it.each(cases)('%s', async (name, folder, kind) => {
    const recording = await readRecording(name, folder, kind);
    const { config, head, stored } = recording;
    const { cotangent, ...inputs } = recordedInputs(recording);
    const specs = modelParameters(config);
    const lossOf = (
      wanted: { parameters: Record<string, Tensor>; sample: Tensor },
      rest: ModelInputs,
      against: Tensor,
    ): { loss: Tensor; output: Tensor } => {
      const parameters = Object.fromEntries(
        Object.entries(wanted.parameters).map(([key, value]) => [
          key,
          specs[key]!.trainable ? value.cast('float16') : value,
        ]),
      );
      const sample = wanted.sample.cast('float16');
      const output = applyModel(config, parameters, { ...rest, sample });
      expect(output.dtype).toBe('float16');
      const wide = output.cast('float32');
      return { loss: wide.mul(against).sum(), output: wide };
    };
    const compiled = device.compile(
      (x: { parameters: Record<string, Tensor>; given: ModelInputs; cotangent: Tensor }) => {
        const wanted = { parameters: x.parameters, sample: x.given.sample };
        const { value, gradients } = valueAndGrad(lossOf)(wanted, x.given, x.cotangent);
        return { output: value.output, ...gradients };
      },
    );
    const result = await compiled({ parameters: recordedWeights(recording), given: inputs, cotangent });
    expect(relativeError(await result.output.data(), stored['output']!.data)).toBeLessThan(TOLERANCE);
    expect(relativeError(await result.sample.data(), stored['grad-sample']!.data)).toBeLessThan(TOLERANCE);
    if (head.gradientsStored) {
      // All gradients as one vector: the length of the difference over the length.
      let [difference, total] = [0, 0];
      for (const { name: parameter } of head.parameters) {
        const reference = stored[`grad/${parameter}`];
        if (!reference) continue;
        const value = await result.parameters[parameter]!.data();
        for (let i = 0; i < value.length; i++) difference += (value[i]! - reference.data[i]!) ** 2;
        for (const entry of reference.data) total += entry ** 2;
      }
      expect(Math.sqrt(total) / head.gradientNorm).toBeCloseTo(1, 5);
      expect(Math.sqrt(difference / total)).toBeLessThan(TOLERANCE);
    }
    await compiled.dispose();
  });
});
