import { countParameters, modelParameters, parseUnet2dConfig } from '@immiscible/models';
import { describe, expect, it } from 'vitest';
import { goldenJson } from '../../test/tiny.ts';
import { parseCompareConfig } from '../config.ts';
import { recipes } from './index.ts';

const parsed = Object.entries(recipes).map(([name, recipe]) => ({
  name,
  config: parseCompareConfig(recipe),
}));

describe('recipes', () => {
  it.each(parsed)(
    '$name is a config under its own name, with a vanilla and an immiscible arm',
    ({ name, config }) => {
      expect(config.name).toBe(name);
      expect(config.arms.map(({ assignment }) => assignment.method)).toEqual(['identity', 'linear']);
      expect(parseCompareConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
    },
  );

  it.each(parsed)('$name measures images that its features can see', ({ config }) => {
    const { model, evaluation, data } = config;
    expect(Number(model.sample_size) % 8).toBe(0);
    if (evaluation.features === 'fashion-classifier') expect(data.kind).toBe('fashion-mnist');
    if (data.kind === 'fashion-mnist') expect(data.size).toBe(model.sample_size);
  });

  it('cifar10-ddim is the network of the paper, as diffusers publishes it', () => {
    const { model } = parseCompareConfig(recipes['cifar10-ddim']);
    expect(countParameters(modelParameters(model))).toBe(35_746_307);
    const published = parseUnet2dConfig(goldenJson('configs/ddpm-cifar10-32-one-head.json'));
    expect({ ...model, dropout: 0 }).toEqual({ ...published, dropout: 0 });
    expect(model.dropout).toBe(0.1);
  });

  it('cifar10-ddim trains as the paper does', () => {
    const { training, optimizer } = parseCompareConfig(recipes['cifar10-ddim']);
    expect(optimizer).toMatchObject({
      type: 'adam',
      learningRate: 2e-4,
      betas: [0.9, 0.999],
      weightDecay: 0,
    });
    expect(training).toMatchObject({
      batchSize: 128,
      flip: true,
      maxGradientNorm: 1,
      schedule: { type: 'constant', warmupSteps: 5000 },
      ema: { decay: 0.9999 },
    });
  });

  it('demo fits two cores and a few minutes: under 1.2 million parameters', () => {
    const { model } = parseCompareConfig(recipes.demo);
    expect(countParameters(modelParameters(model))).toBeLessThan(1_200_000);
  });
});
