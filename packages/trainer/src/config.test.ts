import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataset } from '@immiscible/datasets';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { temporaryFolder, tinyComparison, tinyRun } from '../test/tiny.ts';
import { armConfig, parseCompareConfig, parseRunConfig } from './config.ts';
import { ConfigError } from './errors.ts';

const least = {
  data: { kind: 'fashion-mnist' },
  model: { in_channels: 1, out_channels: 1 },
  scheduler: { _class_name: 'DDPMScheduler' },
  training: { steps: 100 },
};

/** The message for a config that cannot be used. */
function complaint(parse: () => unknown): string {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('the config was taken');
}

describe('parseRunConfig', () => {
  it('fills in what is left out', () => {
    const config = parseRunConfig(least);
    expect(config).toMatchObject({
      name: 'run',
      seed: 0,
      device: 'auto',
      data: { kind: 'fashion-mnist', split: 'train', size: 32 },
      assignment: { method: 'linear', metric: 'l2', precision: 'f16', k: 4 },
      optimizer: { type: 'adam', learningRate: 2e-4, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 },
      training: {
        batchSize: 128,
        accumulate: 1,
        flip: true,
        maxGradientNorm: 1,
        schedule: { type: 'constant', warmupSteps: 0 },
        ema: { decay: 0.9999, warmup: true },
        lossWeighting: { kind: 'uniform' },
        zeroInit: false,
      },
      evaluation: { features: 'pixels-8x8', samples: 1000, samplingSteps: [10], points: 4 },
      logging: { every: 10, checkpointEvery: 1000, keep: 2 },
      model: { layers_per_block: 2, norm_num_groups: 32 },
      scheduler: { num_train_timesteps: 1000, beta_schedule: 'linear', prediction_type: 'epsilon' },
    });
  });

  it('takes its own output, after a detour through a file as well', () => {
    const config = tinyRun();
    expect(parseRunConfig(config)).toEqual(config);
    expect(parseRunConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it.each([
    ['lossy', { lossy: 1 }, 'lossy: there is no such field'],
    ['training.stpes', { training: { stpes: 2 } }, 'training.stpes: there is no such field'],
    [
      'training.ema.halflife',
      { training: { ema: { halflife: 5 } } },
      'training.ema.halflife: there is no such field',
    ],
    ['model.dropuot', { model: { dropuot: 0.1 } }, 'model.dropuot: there is no such field'],
    ['scheduler.beta_stop', { scheduler: { beta_stop: 1 } }, 'scheduler.beta_stop: there is no such field'],
  ])('names a field that there is not: %s', (_, overrides, expected) => {
    expect(complaint(() => tinyRun(overrides))).toContain(`\n  ${expected}`);
  });

  it('takes fields of diffusers’ files that begin with an underscore, and those of the other scheduler', () => {
    const { model, scheduler } = tinyRun({
      model: { _name_or_path: 'google/ddpm-cifar10-32' },
      scheduler: { _class_name: 'DDIMScheduler', variance_type: 'fixed_large' },
    });
    expect(model).toHaveProperty('_name_or_path');
    expect(scheduler).toHaveProperty('variance_type', 'fixed_large');
  });

  it.each([
    ['a word for a number', { training: { steps: 'many' } }, /training\.steps: .*number.*, got "many"/],
    ['no batch', { training: { batchSize: 0 } }, /training\.batchSize: .*, got 0/],
    ['a fraction of a seed', { seed: 1.5 }, /seed: .*, got 1.5/],
    ['an element of a list', { optimizer: { betas: [0.9, 1] } }, /optimizer\.betas\.1: .*, got 1/],
    ['an average that never moves', { training: { ema: { decay: 1 } } }, /training\.ema\.decay: .*, got 1/],
    [
      'an unknown average',
      { training: { ema: { kind: 'swa' } } },
      /training\.ema\.kind: wants decay, half-life, power or power-function, got "swa"/,
    ],
    [
      'an average longer than a plain mean',
      { training: { ema: { decay: undefined, kind: 'power-function', relativeStd: 0.3 } } },
      /training\.ema\.relativeStd: .*, got 0\.3/,
    ],
    ['an unknown data set', { data: { kind: 'imagenet' } }, /data\.kind: .*'cifar10'.*, got "imagenet"/],
    ['a size that is not made', { data: { size: 7 } }, /data\.size: .*28\|32\|16\|8, got 7/],
    ['a path in a name', { name: '../up' }, /name: wants letters, digits.*, got "\.\.\/up"/],
    [
      'an unknown sampler',
      { scheduler: { _class_name: 'PNDM' } },
      /scheduler\._class_name: wanted .* got _class_name "PNDM"$/,
    ],
    [
      'channels that do not fit groups',
      { model: { norm_num_groups: 5 } },
      /model\.block_out_channels\.0: wanted a multiple .* \(5\), got 16$/m,
    ],
    [
      'an unknown loss',
      { training: { lossWeighting: { kind: 'p2' } } },
      /training\.lossWeighting\.kind: .*'min-snr', got "p2"/,
    ],
    [
      'an unknown crop',
      { data: { kind: 'image-folder', path: 'x', size: 8, split: undefined, crop: 'none' } },
      /data\.crop: wants "centre", "stretch"/,
    ],
  ])('says what is wrong with %s', (_, overrides, expected) => {
    expect(complaint(() => tinyRun(overrides))).toMatch(expected);
  });

  it.each([
    [{ kind: 'half-life' }, { kind: 'half-life', images: 500_000, rampUp: 0.05 }],
    [{ kind: 'power' }, { kind: 'power', invGamma: 1, power: 2 / 3, minDecay: 0, maxDecay: 0.9999 }],
    [{ kind: 'power-function' }, { kind: 'power-function', relativeStd: 0.1 }],
    [{ warmup: false }, { decay: 0.9999, warmup: false }],
  ])('takes the average %j', (ema, expected) => {
    expect(parseRunConfig({ ...least, training: { steps: 100, ema } }).training.ema).toEqual(expected);
  });

  it('lists every wrong field, one a line', () => {
    const message = complaint(() => tinyRun({ seed: -1, training: { steps: 0 }, loging: {} }));
    expect(message.split('\n')).toHaveLength(4);
    for (const field of ['seed', 'training.steps', 'loging']) expect(message).toContain(`\n  ${field}: `);
  });

  it.each([
    [
      'a model that predicts other channels',
      { model: { out_channels: 2 } },
      'model.out_channels: wants in_channels (1), got 2',
    ],
    [
      'a warm-up that outlasts the run',
      { training: { steps: 5, schedule: { warmupSteps: 6 } } },
      'training.schedule.warmupSteps: wants at most training.steps (5), got 6',
    ],
    [
      'more sampling steps than timesteps',
      { scheduler: { num_train_timesteps: 50 }, evaluation: { samplingSteps: [10, 51] } },
      'evaluation.samplingSteps: wants at most 50, got 51',
    ],
    [
      'sampling steps on the way that the end does not have',
      { evaluation: { samplingSteps: [2, 10], pointSamplingSteps: [2, 5] } },
      'evaluation.pointSamplingSteps: wants some of evaluation.samplingSteps (2, 10), got 5',
    ],
    [
      'noise predicted from pure noise',
      { scheduler: { rescale_betas_zero_snr: true } },
      'scheduler.prediction_type: wants v_prediction or sample with rescale_betas_zero_snr, got epsilon',
    ],
    [
      'a flow whose time runs the other way',
      {
        objective: { kind: 'flow-matching' },
        scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler', invert_sigmas: true },
      },
      'scheduler.invert_sigmas: wants false, got true: objective flow-matching',
    ],
    [
      'weight decay on fixed frequencies',
      { model: { time_embedding_type: 'fourier' }, optimizer: { weightDecay: 0.01 } },
      'optimizer.weightDecay: wants 0 with model.time_embedding_type fourier',
    ],
    [
      'decoupled decay beside an optimizer that has a name for it',
      { optimizer: { decoupledWeightDecay: true } },
      'optimizer.decoupledWeightDecay: is of radam, got it with adam; adamw is Adam with decoupled decay',
    ],
  ])('refuses %s', (_, overrides, expected) => {
    expect(complaint(() => tinyRun(overrides))).toContain(`\n  ${expected}`);
    expect(complaint(() => tinyComparison(overrides))).toContain(`\n  ${expected}`);
  });

  it.each([null, 3, [], 'steps: 1'])('wants an object, not %j', (value) => {
    expect(complaint(() => parseRunConfig(value))).toMatch(/the config: .*object/);
  });
});

describe('parseCompareConfig', () => {
  it('compares vanilla with immiscible noise unless it is told otherwise', () => {
    const { arms } = tinyComparison();
    expect(arms.map(({ name, assignment }) => [name, assignment.method])).toEqual([
      ['vanilla', 'identity'],
      ['immiscible', 'linear'],
    ]);
  });

  it('wants arms, under different names, with methods that there are', () => {
    expect(complaint(() => tinyComparison({ arms: [] }))).toContain('\n  arms: ');
    const twin = { name: 'a', assignment: {} };
    expect(complaint(() => tinyComparison({ arms: [twin, twin] }))).toContain(
      'arms: names must differ, got a, a',
    );
    const wrong = { name: 'a', assignment: { method: 'sinkhorn' } };
    expect(complaint(() => tinyComparison({ arms: [wrong] }))).toMatch(
      /arms\.0\.assignment\.method: .*"sinkhorn"/,
    );
    expect(complaint(() => parseCompareConfig({ ...least, assignment: {} }))).toContain(
      '\n  assignment: there is no such field',
    );
  });
});

describe('armConfig', () => {
  const comparison = tinyComparison({ name: 'both' });

  it('is a run of its own that differs from the other arm in name and assignment alone', () => {
    const [vanilla, immiscible] = ['vanilla', 'immiscible'].map((name) => armConfig(comparison, name));
    expect(parseRunConfig(vanilla)).toEqual(vanilla);
    expect([vanilla!.name, immiscible!.name]).toEqual(['both-vanilla', 'both-immiscible']);
    const { name, assignment } = vanilla!;
    expect({ ...immiscible, name, assignment }).toEqual(vanilla);
  });

  it('names the arms that there are', () => {
    expect(complaint(() => armConfig(comparison, 'oil'))).toContain('vanilla, immiscible');
  });
});

describe('the data of a config', () => {
  it.each(['centre', 'stretch', { left: 2, top: 1, size: 8 }])(
    'opens a folder of images as it says, cropped by %j',
    async (crop) => {
      const folder = await temporaryFolder();
      for (const label of ['boot', 'bag']) {
        await mkdir(join(folder, label));
        const image = sharp({ create: { width: 12, height: 10, channels: 3, background: 'teal' } });
        await writeFile(join(folder, label, '1.png'), await image.png().toBuffer());
      }
      const { data } = parseRunConfig({
        ...least,
        data: { kind: 'image-folder', path: folder, size: 8, channels: 1, crop },
      });
      const { length, channels, height, width, classes } = await openDataset(data);
      expect({ length, channels, height, width, classes }).toEqual({
        length: 2,
        channels: 1,
        height: 8,
        width: 8,
        classes: ['bag', 'boot'],
      });
    },
  );

  it('opens IDX files as it says', async () => {
    const folder = await temporaryFolder();
    const bytes = new Uint8Array(16 + 2 * 9);
    bytes.set([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3]);
    await writeFile(join(folder, 'images.idx'), bytes);
    const { data } = parseRunConfig({ ...least, data: { kind: 'idx', images: join(folder, 'images.idx') } });
    expect(await openDataset(data)).toMatchObject({ length: 2, height: 3, width: 3 });
  });
});
