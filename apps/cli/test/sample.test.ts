/** Sampling with every sampler, from model folders that are written for the test. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { initModel, parseModelConfig } from '@immiscible/models';
import { parseSchedulerConfig, type SchedulerConfigInput } from '@immiscible/schedulers';
import { writePipeline } from '@immiscible/trainer';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { type Evaluation } from '../src/commands/evaluate.ts';
import { significant } from '../src/format.ts';
import { cli, temporaryFolder, testIo, tinyConfig } from './cli.ts';

const classes = { ...tinyConfig.model, num_class_embeds: 11 };
const points = { _class_name: 'MLP', hidden_channels: [8], time_embedding_dim: 8 };

interface Made {
  readonly sampler: string;
  readonly scheduler: string;
  readonly steps: number;
  readonly seeds: readonly number[];
  readonly labels: readonly number[];
  readonly files: readonly string[];
}

/** A folder with an untrained model in `model`. */
async function folderOf(scheduler: SchedulerConfigInput, model: object = tinyConfig.model): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'model'));
  const config = parseModelConfig(model);
  await writePipeline(join(folder, 'model'), {
    model: config,
    scheduler: parseSchedulerConfig(scheduler),
    parameters: initModel(config, 3),
  });
  return folder;
}

function sample(folder: string, ...options: readonly string[]): ReturnType<typeof cli> {
  return cli(['sample', join(folder, 'model'), '--device', 'cpu', '--threads', '1', ...options]);
}

async function made(folder: string, ...options: readonly string[]): Promise<Made> {
  const { code, out, err } = await sample(folder, '--json', ...options);
  expect([code, err]).toEqual([0, expect.any(String)]);
  return JSON.parse(out) as Made;
}

async function pixels(file: string): Promise<{ width: number; height: number; data: Buffer }> {
  const { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data };
}

describe('every sampler', () => {
  it.each([
    ['DDIMScheduler', ['ddim', 'ddpm', 'pndm', 'euler', 'heun', 'dpm++']],
    ['PNDMScheduler', ['pndm', 'ddim']],
    ['CMStochasticIterativeScheduler', ['cm']],
    ['EDMHeunScheduler', ['edm']],
    ['FlowMatchEulerDiscreteScheduler', ['flow']],
  ] as const)(
    'makes files named by seed, the same in any batch, of a model with %s',
    async (name, samplers) => {
      const folder = await folderOf({ _class_name: name });
      for (const sampler of samplers) {
        const steps = sampler === 'pndm' ? '5' : '2';
        const args = ['--sampler', sampler, '--steps', steps];
        const [one, many] = [join(folder, sampler, 'one'), join(folder, sampler, 'many')];
        const result = await made(folder, ...args, '--seeds', '4', '--out', one);
        expect(result).toMatchObject({ sampler, steps: Number(steps), seeds: [4] });
        expect(result.files).toEqual([join(one, '000004.png')]);
        await made(folder, ...args, '--seeds', '1-3,4', '--batch', '3', '--out', many);
        expect(await readdir(many)).toEqual(['000001.png', '000002.png', '000003.png', '000004.png']);
        const [alone, among] = await Promise.all([one, many].map((out) => pixels(join(out, '000004.png'))));
        // A rounding of the last bit may be a rounding of a pixel.
        const apart = alone!.data.map((value, i) => Math.abs(value - among!.data[i]!));
        expect(Math.max(...apart), sampler).toBeLessThanOrEqual(1);
        const other = await pixels(join(many, '000003.png'));
        expect(alone!.data.equals(other.data)).toBe(false);
      }
    },
  );

  it('is the model’s own where none is named, with steps that it is good for', async () => {
    const cm = await folderOf({ _class_name: 'CMStochasticIterativeScheduler' });
    const grid = join(cm, 'grid.png');
    const { code, out, err } = await sample(cm, '--seeds', '0-2', '--grid', grid);
    expect([code, err]).toEqual([0, expect.any(String)]);
    expect(out).toMatch(new RegExp(`^3 images with cm, 1 step, in [^:]+: ${grid}\n$`));
    const edm = await folderOf({ _class_name: 'EDMHeunScheduler', num_steps: 3 });
    expect(await made(edm, '--seeds', '1', '--out', edm)).toMatchObject({ sampler: 'edm', steps: 3 });
  });

  it('takes its settings', async () => {
    const folder = await folderOf({ _class_name: 'DDIMScheduler' });
    const steps = ['--steps', '3'];
    const image = async (name: string, ...options: string[]): Promise<string> => {
      await made(folder, '--seeds', '4', '--out', join(folder, name), ...options);
      return (await pixels(join(folder, name, '000004.png'))).data.toString('hex');
    };
    const images = await Promise.all([
      image('plain', ...steps),
      image('eta', '--eta', '1', ...steps),
      image('euler', '--sampler', 'euler', ...steps),
      image('karras', '--sampler', 'euler', '--karras', ...steps),
      image('timesteps', '--sampler', 'euler', '--timesteps', '900,500,20'),
    ]);
    expect(new Set(images).size).toBe(images.length);
    expect(await image('eta-0', '--eta', '0', ...steps)).toBe(images[0]);
  });
});

describe('a grid', () => {
  it('has rows of the samples on the way from one seed to another', async () => {
    const folder = await folderOf({ _class_name: 'DDIMScheduler' });
    const [grid, out] = [join(folder, 'new', 'way.png'), join(folder, 'singles')];
    const args = ['--steps', '2', '--grid', grid, '--out', out, '--scale', '1'];
    await made(folder, ...args, '--interpolate', '3,9,5', '--interpolate', '9,4,5');
    expect(await pixels(grid)).toMatchObject({ width: 5 * 9 - 1, height: 2 * 9 - 1 });
    const names = (way: string): string[] => [0, 1, 2, 3, 4].map((i) => `${way}-0${i}.png`);
    expect(await readdir(out)).toEqual([...names('000003-000009'), ...names('000009-000004')]);
    await made(folder, '--steps', '2', '--seeds', '9', '--out', out);
    const end = await pixels(join(out, '000009.png'));
    for (const name of ['000003-000009-04.png', '000009-000004-00.png']) {
      expect((await pixels(join(out, name))).data.equals(end.data), name).toBe(true);
    }
  });

  it('is as wide as it is told to be, and replaced whole', async () => {
    const folder = await folderOf({ _class_name: 'DDIMScheduler' });
    const grid = join(folder, 'grid.png');
    const args = ['--steps', '1', '--grid', grid, '--seeds', '0-5', '--scale', '2'];
    await made(folder, ...args, '--columns', '6');
    expect(await pixels(grid)).toMatchObject({ width: 2 * (6 * 9 - 1), height: 16 });
    await made(folder, ...args, '--columns', '2');
    expect(await pixels(grid)).toMatchObject({ width: 2 * (2 * 9 - 1), height: 2 * (3 * 9 - 1) });
    expect((await readdir(folder)).sort()).toEqual(['grid.png', 'model']);
  });
});

describe('classes', () => {
  it('come in turn by seed, and guidance takes the one that stands for none', async () => {
    const folder = await folderOf({ _class_name: 'DDIMScheduler' }, classes);
    const args = ['--steps', '2', '--seeds', '10-12'];
    expect((await made(folder, ...args, '--out', join(folder, 'plain'))).labels).toEqual([10, 0, 1]);
    const guided = ['--guidance', '4', '--null-label', '10', '--out', join(folder, 'guided')];
    expect((await made(folder, ...args, ...guided)).labels).toEqual([0, 1, 2]);
    const given = ['--labels', '7,2', '--out', join(folder, 'given')];
    expect((await made(folder, ...args, ...given)).labels).toEqual([7, 2, 7]);
    await made(folder, ...args, ...given, ...guided.slice(0, 4), '--out', join(folder, 'both'));
    const [plain, pulled] = await Promise.all(
      ['given', 'both'].map((name) => pixels(join(folder, name, '000010.png'))),
    );
    expect(plain!.data.equals(pulled!.data)).toBe(false);
  });
});

describe('points in the plane', () => {
  it('are a picture and a table', async () => {
    const folder = await folderOf({ _class_name: 'DDPMScheduler', clip_sample: false }, points);
    const grid = join(folder, 'cloud.png');
    const args = ['--steps', '2', '--seeds', '0-9', '--grid', grid, '--out', folder];
    expect((await made(folder, ...args)).files).toEqual([grid, join(folder, 'points.csv')]);
    expect(await pixels(grid)).toMatchObject({ width: 512, height: 512 });
    const lines = (await readFile(join(folder, 'points.csv'), 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(11);
    expect(lines[0]).toBe('seed,x,y');
    expect(lines[10]).toMatch(/^000009,-?\d+\.\d+(e-\d+)?,-?\d+\.\d+(e-\d+)?$/);
  });
});

describe('evaluate', () => {
  const measure = (folder: string, ...options: readonly string[]): ReturnType<typeof cli> =>
    cli([
      'evaluate',
      join(folder, 'model'),
      '--device',
      'cpu',
      '--threads',
      '1',
      '--samples',
      '20',
      ...options,
    ]);

  it('takes the samplers that fit, with their own numbers of steps', async () => {
    const cm = await folderOf({ _class_name: 'CMStochasticIterativeScheduler' });
    const { code, out, err } = await measure(cm, '--data', 'fashion-mnist', '--json');
    expect([code, err]).toEqual([0, expect.any(String)]);
    const { sampler, quality } = JSON.parse(out) as { sampler: string; quality: Record<string, object> };
    expect([sampler, Object.keys(quality)]).toEqual(['cm', ['1']]);
    const wrong = await measure(cm, '--data', 'fashion-mnist', '--sampler', 'heun');
    expect([wrong.code, wrong.err]).toEqual([
      2,
      expect.stringContaining('is sampled with cm, not with heun'),
    ]);
    const steps = await measure(cm, '--data', 'fashion-mnist', '--steps', '1,41');
    expect([steps.code, steps.err]).toEqual([2, expect.stringMatching(/--steps: .* from 1 to 40, got 41/)]);
  });

  it('guides, and measures points by their values', async () => {
    const folder = await folderOf({ _class_name: 'DDIMScheduler' }, classes);
    const data = ['--data', 'fashion-mnist', '--steps', '2', '--json'];
    const guided = await measure(folder, ...data, '--guidance', '2', '--null-label', '10');
    expect([guided.code, guided.err]).toEqual([0, expect.any(String)]);
    expect(JSON.parse(guided.out)).not.toEqual(JSON.parse((await measure(folder, ...data)).out));
    const plane = await folderOf({ _class_name: 'FlowMatchEulerDiscreteScheduler' }, points);
    const toy = ['--data', 'toy-2d:8-gaussians', '--steps', '2'];
    const { code, out, err } = await measure(plane, ...toy, '--json');
    expect([code, err]).toEqual([0, expect.any(String)]);
    const found = JSON.parse(out) as Evaluation;
    expect(found).toMatchObject({ sampler: 'flow', features: 'values' });
    const { wasserstein2, modes } = found.quality['2']!.points!;
    const printed = (await measure(plane, ...toy)).out;
    expect(printed).toContain(`  ${significant(wasserstein2)}  `);
    expect(printed).toContain(`${modes!.covered}/8, `);
    expect(printed).toContain(`Wasserstein-2 distance ${significant(found.pointsFloor!)}`);
  });
});

describe('Ctrl-C', () => {
  it('leaves the files of batches that were done, and no half of any', async () => {
    const folder = await folderOf({ _class_name: 'DDIMScheduler' });
    const [out, io] = [join(folder, 'out'), testIo()];
    const watch = setInterval(() => {
      void readdir(out).then(
        (files) => {
          if (files.length === 0) return;
          clearInterval(watch);
          io.interrupts.emit('SIGINT');
        },
        () => undefined,
      );
    }, 1);
    const args = ['--seeds', '0-99999', '--steps', '2', '--batch', '4', '--out', out, '--device', 'cpu'];
    const { code, out: printed, err } = await cli(['sample', join(folder, 'model'), ...args], io);
    expect([code, printed]).toEqual([130, '']);
    const files = await readdir(out);
    expect(err).toContain(`${files.length} of 100,000 images had been made, and are in ${out}\n`);
    expect(files.length % 4).toBe(0);
    expect(files.every((name) => /^\d{6}\.png$/.test(name))).toBe(true);
    expect((await pixels(join(out, files.at(-1)!))).width).toBe(8);
  });
});

describe('what cannot be sampled', () => {
  it.each<[SchedulerConfigInput['_class_name'], string[], RegExp]>([
    [
      'DDIMScheduler',
      ['--sampler', 'cm'],
      /DDIMScheduler is sampled with ddpm, ddim, pndm, euler, heun or dpm\+\+, not with cm/,
    ],
    ['CMStochasticIterativeScheduler', ['--sampler', 'ddim'], /is sampled with cm, not with ddim/],
    ['EDMHeunScheduler', ['--sampler', 'flow'], /is sampled with edm, not with flow/],
    [
      'DDIMScheduler',
      ['--sampler', 'unipc'],
      /Allowed choices are ddim, ddpm, pndm, euler, heun, dpm\+\+, cm/,
    ],
    ['DDIMScheduler', ['--karras'], /are for euler, heun, dpm\+\+ or flow; ddim keeps to its own/],
    ['DDIMScheduler', ['--churn', '3'], /churn is for edm, not for ddim/],
    ['DDIMScheduler', ['--sampler', 'euler', '--eta', '1'], /EulerDiscreteScheduler: has no eta, got 1/],
    ['DDIMScheduler', ['--sampler', 'pndm', '--steps', '3'], /--steps: .* from 4 to 1000, got 3/],
    ['CMStochasticIterativeScheduler', ['--steps', '41'], /--steps: .* from 1 to 40, got 41/],
    ['DDIMScheduler', ['--steps', '0'], /--steps <number>' argument '0' is invalid/],
    ['DDIMScheduler', ['--guidance', '2'], /guidance is for models with classes/],
    ['DDIMScheduler', ['--interpolate', '3'], /It wants two seeds and how many samples/],
    ['DDIMScheduler', ['--interpolate', '3,4', '--seeds', '1'], /cannot be used with option/],
    ['DDIMScheduler', ['--sampler', 'ddpm', '--interpolate', '3,4'], /none for a sampler to add/],
    ['DDIMScheduler', ['--batch', '0'], /argument '0' is invalid/],
    ['DDIMScheduler', ['--size', '20'], /sample_size says 8×8, got size 20×20; leave the size out/],
  ])('of a model with %s: %j', async (name, options, message) => {
    const folder = await folderOf({ _class_name: name });
    const grid = join(folder, 'grid.png');
    const { code, out, err } = await sample(folder, '--grid', grid, ...options);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(message);
    expect(err).not.toMatch(/^ +at /m);
    expect(await readdir(folder)).toEqual(['model']);
  });

  it('is guidance without a class that stands for none, and a class that there is not', async () => {
    const folder = await folderOf({ _class_name: 'DDIMScheduler' }, classes);
    for (const [options, message] of [
      [['--guidance', '2'], /--null-label/],
      [['--guidance', '2', '--null-label', '11'], /null label from 0 to 10, got 11/],
      [['--labels', '11'], /--labels: the model has classes 0 to 10, got 11/],
    ] as const) {
      const { code, err } = await sample(folder, '--grid', join(folder, 'grid.png'), ...options);
      expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    }
  });

  it('are values that are neither pictures nor points', async () => {
    const folder = await folderOf(
      { _class_name: 'DDIMScheduler' },
      { ...points, in_channels: 4, out_channels: 4 },
    );
    const { code, err } = await sample(folder, '--grid', join(folder, 'grid.png'));
    expect([code, err]).toEqual([2, expect.stringContaining('samples of 4×1×1 values')]);
  });
});
