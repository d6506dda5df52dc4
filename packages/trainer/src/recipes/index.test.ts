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
    if (evaluation.features === 'values') {
      expect(data.kind).toBe('toy-2d');
      return;
    }
    expect(Number(model.sample_size) % 8).toBe(0);
    if (evaluation.features === 'fashion-classifier') expect(data.kind).toBe('fashion-mnist');
    if ('size' in data) expect(data.size).toBe(model.sample_size);
  });

  it.each([
    ['cifar10-cm', 56_395_651, { batchSize: 512 }, 4e-4, [150, 0.9], 0.9999],
    ['celeba64-cm', 295_131_267, { batchSize: 512, accumulate: 4 }, 1e-4, [200, 0.95], 0.999943],
    ['tiny-imagenet64-cm', 295_131_267, { batchSize: 512, accumulate: 4 }, 1e-4, [200, 0.95], 0.999943],
  ] as const)(
    '%s trains the network and at the settings of Song et al. 2023',
    (name, size, batch, learningRate, [s1, mu0], decay) => {
      const { model, objective, optimizer, training, scheduler } = parseCompareConfig(recipes[name]);
      expect(countParameters(modelParameters(model))).toBe(size);
      expect(model.num_class_embeds).toBeNull();
      expect(objective).toMatchObject({
        kind: 'consistency-training',
        s0: 2,
        s1,
        mu0,
        totalSteps: 800_000,
        distance: { kind: 'lpips', resize: 224 },
      });
      expect(optimizer).toMatchObject({ type: 'radam', learningRate, betas: [0.9, 0.999], weightDecay: 0 });
      expect(training).toMatchObject({
        ...batch,
        steps: 800_000,
        flip: true,
        maxGradientNorm: null,
        schedule: { type: 'constant', warmupSteps: 0 },
        ema: { decay, warmup: false },
      });
      expect(scheduler).toMatchObject({ sigma_min: 0.002, sigma_max: 80, sigma_data: 0.5, rho: 7 });
    },
  );

  it('cifar10-cm is NCSN++ as its authors configure it', () => {
    const { model } = parseCompareConfig(recipes['cifar10-cm']);
    expect(model).toMatchObject({
      _class_name: 'NCSNpp',
      fourier_scale: 16,
      resample_filter: [1, 3, 3, 1],
      encoder_type: 'residual',
      attn_resolutions: [16],
      dropout: 0,
    });
    // 1000 · ¼ ln σ comes from preconditioning, ¼ ln σ is what the frequencies were chosen for.
    expect(model).toHaveProperty('time_scale', 0.001);
  });

  it('celeba64-cm and tiny-imagenet64-cm differ in their data alone', () => {
    const [faces, things] = (['celeba64-cm', 'tiny-imagenet64-cm'] as const).map((name) =>
      parseCompareConfig(recipes[name]),
    );
    expect(faces!.data).toMatchObject({ kind: 'celeba', split: 'train', size: 64, crop: 'centre-140' });
    expect(things!.data).toMatchObject({ kind: 'tiny-imagenet', split: 'train', size: 64 });
    expect({ ...faces, name: '', data: null }).toEqual({ ...things, name: '', data: null });
  });

  it.each(['demo', 'toy-2d', 'fashion-mnist-cm', 'cifar10-16-cm'] as const)(
    '%s fits two cores: under 1.2 million parameters, no weights of others',
    (name) => {
      const { model, objective } = parseCompareConfig(recipes[name]);
      expect(countParameters(modelParameters(model))).toBeLessThan(1_200_000);
      expect(JSON.stringify(objective)).not.toContain('lpips');
    },
  );

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
});
