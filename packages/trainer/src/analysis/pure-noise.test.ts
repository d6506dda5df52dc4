import { initModel, modelConfigSchema } from '@immiscible/models';
import { parseSchedulerConfig } from '@immiscible/schedulers';
import { describe, expect, it } from 'vitest';
import { testDevice, tinyModel } from '../../test/tiny.ts';
import { TrainerError } from '../errors.ts';
import { type Pipeline } from '../pipeline-folder.ts';
import { createSampler } from '../sample.ts';
import { denoisePureNoise, type PureNoise, pureNoiseNumbers } from './pure-noise.ts';

const opened = testDevice();
const model = modelConfigSchema.parse(tinyModel);
const seeds = [3, 4, 9];

function pipelineOf(scheduler: object): Pipeline {
  return { model, scheduler: parseSchedulerConfig(scheduler), parameters: initModel(model, 5, {}) };
}

async function sampled(pipeline: Pipeline, steps: number): Promise<Float32Array> {
  const sampler = createSampler(opened.device, { ...pipeline, batchSize: seeds.length });
  try {
    return await sampler.sample(pipeline.parameters, { seeds, steps });
  } finally {
    await sampler.dispose();
  }
}

describe('pure noise in one step', () => {
  it.each(['epsilon', 'v_prediction', 'sample'])(
    'is what DDIM makes of it in one step from T (%s)',
    async (prediction_type) => {
      const pipeline = pipelineOf({
        _class_name: 'DDIMScheduler',
        timestep_spacing: 'trailing',
        prediction_type,
      });
      const found = await denoisePureNoise(opened.device, pipeline, { seeds, steps: 3 });
      expect(found.shape).toEqual([1, 8, 8]);
      const oneStep = await sampled(pipeline, 1);
      for (const [i, value] of found.image.entries()) expect(value).toBeCloseTo(oneStep[i]!, 3);
      expect(found.sample).toEqual((await sampled(pipeline, 3)).map((v) => Math.min(1, Math.max(-1, v))));
      // x̂_0 = (x_T − σ·ε̂)/α, clipped.
      const [alpha, sigma] = [Math.sqrt(4.03583e-5), Math.sqrt(1 - 4.03583e-5)];
      found.predicted.forEach((epsilon, i) => {
        const x0 = (found.noise[i]! - sigma * epsilon) / alpha;
        expect(found.image[i]!).toBeCloseTo(Math.min(1, Math.max(-1, x0)), 3);
      });
    },
  );

  it('is a consistency model’s sample, and the noise that is left', async () => {
    const pipeline = pipelineOf({ _class_name: 'CMStochasticIterativeScheduler', sigma_max: 80 });
    const { noise, predicted, image } = await denoisePureNoise(opened.device, pipeline, { seeds, steps: 2 });
    const oneStep = await sampled(pipeline, 1);
    expect(image).toEqual(oneStep.map((v) => Math.min(1, Math.max(-1, v))));
    predicted.forEach((value, i) => expect(80 * (noise[i]! - value)).toBeCloseTo(oneStep[i]!, 3));
  });

  it('is all noise and a flow’s sample in one step', async () => {
    const pipeline = pipelineOf({ _class_name: 'FlowMatchEulerDiscreteScheduler' });
    const { noise, predicted, image } = await denoisePureNoise(opened.device, pipeline, { seeds, steps: 2 });
    expect(predicted).toEqual(noise);
    expect(image).toEqual((await sampled(pipeline, 1)).map((v) => Math.min(1, Math.max(-1, v))));
  });

  it('wants two seeds', async () => {
    const ddim = pipelineOf({ _class_name: 'DDIMScheduler' });
    await expect(denoisePureNoise(opened.device, ddim, { seeds: [1] })).rejects.toThrow(
      new TrainerError('denoise: wants at least two seeds, got 1'),
    );
  });
});

describe('what the pictures show', () => {
  const made = (parts: Partial<Record<'noise' | 'predicted' | 'image' | 'sample', number[]>>): PureNoise => {
    const { noise = [1, 2, 3, 4], predicted = noise, image = noise, sample = noise } = parts;
    return {
      shape: [1, 1, 2],
      noise: Float32Array.from(noise),
      predicted: Float32Array.from(predicted),
      image: Float32Array.from(image),
      sample: Float32Array.from(sample),
      steps: 2,
    };
  };

  it('is how far the prediction is from the noise', () => {
    expect(pureNoiseNumbers(made({ predicted: [1, 2, 3, 2] })).correction).toBeCloseTo(1, 12);
    expect(pureNoiseNumbers(made({})).correction).toBe(0);
  });

  it('is nothing where every noise becomes the same image', () => {
    const { spread, agreement } = pureNoiseNumbers(made({ image: [0.5, -0.5, 0.5, -0.5] }));
    expect([spread, agreement]).toEqual([0, 0]);
  });

  it('is how images differ, and whether they differ as the samples do', () => {
    // Two images of two pixels: ±1 about their mean in each.
    const image = [1, -1, -1, 1];
    expect(pureNoiseNumbers(made({ image, sample: [5, 0, 1, 4] }))).toMatchObject({
      spread: 1,
      agreement: 1,
    });
    expect(pureNoiseNumbers(made({ image, sample: [0, 1, 4, -3] })).agreement).toBeCloseTo(-1, 12);
    expect(pureNoiseNumbers(made({ image, sample: [1, 1, -1, -1] })).agreement).toBeCloseTo(0, 12);
  });
});
