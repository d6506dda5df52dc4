/** Every analysis of a small comparison: its table, its files, and what it refuses. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CompareReport, summarize } from '@immiscible/trainer';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type StudyReport } from '../src/study/write-study.ts';
import { cli, type Outcome, writeConfig } from './cli.ts';
import { margins } from './ink.ts';

// Whole runs on however busy a machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let folder: string;
let comparison: string;
let config: string;
let report: CompareReport;
/** a comparison of points, not of images */
let plane: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'immiscible-analyze-'));
  comparison = join(folder, 'tiny');
  config = await writeConfig(folder);
  const made = await cli(['compare', '--config', config, '--out', folder, '--json']);
  report = JSON.parse(made.out) as CompareReport;
  plane = join(folder, 'plane');
  const few = [
    'training.steps=2',
    'training.schedule.warmupSteps=0',
    'evaluation={features: values, samples: 8, batchSize: 8, samplingSteps: [1], points: 1, pointSamplingSteps: [1]}',
  ].flatMap((setting) => ['--set', setting]);
  await cli(['compare', '--recipe', 'toy-2d', ...few, '--out', folder, '--name', 'plane']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs an analysis, and checks that its four files are there, alike, and hold numbers only. */
async function analyze(stem: string, argv: readonly string[]): Promise<Outcome & { csv: string[] }> {
  const outcome = await cli(['analyze', ...argv, '--out', stem]);
  expect([outcome.code, outcome.err.includes('error')]).toEqual([0, false]);
  for (const extension of ['svg', 'png', 'csv', 'json'])
    expect(outcome.out).toContain(`${stem}.${extension}`);
  const svg = await readFile(`${stem}.svg`, 'utf8');
  expect(svg).not.toMatch(/var\(--|NaN|undefined/);
  const picture = await readFile(`${stem}.png`);
  const [drawn, png] = await Promise.all([Buffer.from(svg), picture].map((bytes) => sharp(bytes).metadata()));
  const { left, right } = await margins(picture);
  expect(Math.min(left, right)).toBeGreaterThanOrEqual(2 * 16);
  expect([png!.width, png!.height]).toEqual([2 * drawn!.width, 2 * drawn!.height]);
  return { ...outcome, csv: (await readFile(`${stem}.csv`, 'utf8')).trimEnd().split('\r\n') };
}

async function json<T>(path: string): Promise<T> {
  return JSON.parse(await readFile(path, 'utf8')) as T;
}

describe('analyze threshold', () => {
  it('counts training images to a quality', async () => {
    const stem = join(folder, 'a', 'threshold');
    const [first] = report.arms[0]!.measurements;
    const goal = first!.quality['2']!.frechet;
    const { out, csv } = await analyze(stem, ['threshold', comparison, '--goals', String(goal)]);
    expect(out).toMatch(/^sampling steps +Fréchet distance +vanilla +immiscible +immiscible, change$/m);
    // The vanilla arm is there at its first measurement.
    expect(csv[0]).toBe('piece,arm,seed,samplingSteps,goal,images,atMost');
    expect(csv[1]).toBe(`tiny,vanilla,0,2,${goal},48,true`);
    expect(csv).toHaveLength(3);
    const { thresholds } = await json<{ thresholds: unknown }>(`${stem}.json`);
    expect(thresholds).toEqual(
      JSON.parse(JSON.stringify(summarize('tiny', [report], { 2: [goal] }).thresholds)),
    );
  });

  it('says what is not reached, and refuses what was not measured', async () => {
    const never = await cli(['analyze', 'threshold', comparison, '--goals', '0.001']);
    expect(never.out).toMatch(/^2 +0\.00100 +not reached +not reached +–$/m);
    expect(never.out).toContain(join(comparison, 'analysis', 'threshold.svg'));
    const steps = await cli(['analyze', 'threshold', comparison, '--steps', '3']);
    expect([steps.code, steps.err]).toEqual([2, expect.stringContaining('measured while training (2)')]);
    const none = await cli(['analyze', 'threshold', folder + '/nothing']);
    expect([none.code, none.err]).toEqual([
      2,
      expect.stringContaining('wants folders of finished comparisons'),
    ]);
    const goals = await cli(['analyze', 'threshold', comparison, '--goals', '0']);
    expect([goals.code, goals.err]).toEqual([2, expect.stringContaining('It wants distances above 0')]);
  });
});

describe('analyze steps', () => {
  it('shows what was measured at the end', async () => {
    const { out, csv } = await analyze(join(folder, 'a', 'steps'), ['steps', comparison]);
    expect(out).toMatch(/^sampling steps +vanilla +immiscible +immiscible, change$/m);
    expect(csv).toHaveLength(1 + 2 * 2);
    expect(csv[1]!.split(',').slice(0, 5)).toEqual([
      ...['tiny', 'vanilla', '0', '2'],
      String(report.arms[0]!.frechet['2']),
    ]);
  });

  it('measures anew at other numbers, to the same at the same', async () => {
    const stem = join(folder, 'a', 'anew');
    await analyze(stem, ['steps', comparison, '--steps', '3,4']);
    const { quality } = await json<{
      quality: { arm: string; samplingSteps: number; frechet: { mean: number } }[];
    }>(`${stem}.json`);
    expect(quality.map(({ arm, samplingSteps }) => [arm, samplingSteps])).toEqual([
      ['vanilla', 3],
      ['vanilla', 4],
      ['immiscible', 3],
      ['immiscible', 4],
    ]);
    for (const [i, arm] of report.arms.entries()) {
      const { mean } = quality[2 * i]!.frechet;
      expect(mean / arm.frechet['3']!).toBeCloseTo(1, 5);
    }
  });

  it('sets runs side by side', async () => {
    const stem = join(folder, 'a', 'runs');
    const arms = report.arms.map(({ name }) => join(comparison, name));
    const { csv } = await analyze(stem, ['steps', ...arms, '--steps', '2', '--samples', '30']);
    expect(csv).toHaveLength(3);
    const mixed = await cli(['analyze', 'steps', ...arms, comparison]);
    expect([mixed.code, mixed.err]).toEqual([
      2,
      expect.stringContaining('wants comparisons or runs, got both'),
    ]);
    const points = join(plane, 'vanilla');
    const others = await cli(['analyze', 'steps', arms[0]!, points, '--steps', '2', '--samples', '20']);
    expect([others.code, others.err]).toEqual([
      2,
      expect.stringContaining(
        `makes images of 1×1 in 2 channels, the real ones are 8×8; leave ${points} out`,
      ),
    ]);
    const samples = await cli(['analyze', 'steps', comparison, '--samples', '30']);
    expect([samples.code, samples.err]).toEqual([2, expect.stringContaining('--samples: wants --steps')]);
  });
});

describe('analyze denoise', () => {
  it('draws what both arms make of pure noise', async () => {
    const stem = join(folder, 'a', 'denoise');
    const arms = report.arms.map(({ name }) => join(comparison, name));
    const { csv } = await analyze(stem, [
      ...['denoise', ...arms, '--seeds', '5-7', '--measure', '16', '--steps', '2'],
    ]);
    const { models } = await json<{ models: Record<string, number | string>[] }>(`${stem}.json`);
    expect(models.map(({ name, folder: of }) => [name, of])).toEqual(
      report.arms.map(({ name }) => [name, join(comparison, name, 'checkpoints', 'step-00000006')]),
    );
    expect(csv.slice(1)).toEqual(
      models.map(({ name, correction, spread, agreement }) => [name, correction, spread, agreement].join()),
    );
    expect(models[0]!['correction']).toBeGreaterThan(0);
    // Nine rows of pictures: the noise, and four of each model.
    const svg = await readFile(`${stem}.svg`, 'utf8');
    expect(svg.match(/<image/g)).toHaveLength(9);
  });

  it('draws points as points, by default all that are measured', async () => {
    const stem = join(folder, 'a', 'points');
    const arms = ['vanilla', 'immiscible'].map((name) => join(plane, name));
    await analyze(stem, ['denoise', ...arms, '--measure', '5', '--steps', '2']);
    expect((await json<{ seeds: number[] }>(`${stem}.json`)).seeds).toEqual([0, 1, 2, 3, 4]);
    // Two models, four panels each, five points.
    const svg = await readFile(`${stem}.svg`, 'utf8');
    expect(svg.match(/<circle/g)).toHaveLength(2 * 4 * 5);
    expect(svg).not.toContain('<image');
    const mixed = await cli(['analyze', 'denoise', arms[0]!, join(comparison, 'vanilla')]);
    expect([mixed.code, mixed.err]).toEqual([
      2,
      expect.stringContaining('wants models of images of one size, got 2×1×1 and 1×8×8'),
    ]);
  });

  it('wants two seeds', async () => {
    const arm = join(comparison, 'vanilla');
    const { code, err } = await cli(['analyze', 'denoise', arm, arm, '--seeds', '1']);
    expect([code, err]).toEqual([2, expect.stringContaining('--seeds: wants at least two, got 1')]);
  });
});

describe('analyze ablation', () => {
  it('trains every pairing and batch size, once', async () => {
    const out = join(folder, 'ablation');
    const args = ['ablation', '--config', config, '--set', 'training.steps=2', '--batch-sizes', '8'];
    const first = await cli(['analyze', ...args, '--out', out]);
    expect(first.code).toBe(0);
    expect(first.out).toMatch(/^immiscible-l1 +linear +l1 +\d\.\d % /m);
    expect(first.out).toMatch(/^batch size +sampling steps +vanilla +immiscible +change +distance cut$/m);
    const study = await json<StudyReport>(join(out, 'ablation.json'));
    expect(study.pieces.map(({ name, arms }) => [name, arms.map((arm) => arm.name)])).toEqual([
      ['pairing', ['vanilla', 'immiscible', 'immiscible-l1', 'flipped']],
      ['batch-8', ['vanilla', 'immiscible']],
    ]);
    const again = await cli(['analyze', ...args, '--out', out, '--json']);
    expect([again.code, again.err]).toEqual([0, '']);
    expect(JSON.parse(again.out)).toEqual(study);
    const svg = await readFile(join(out, 'ablation.svg'), 'utf8');
    expect(svg).not.toMatch(/var\(--|NaN|undefined/);
    expect((await readFile(join(out, 'ablation.csv'), 'utf8')).trimEnd().split('\r\n')).toHaveLength(
      1 + 6 * 2,
    );
  });

  it('goes by a setting that it can read', async () => {
    const path = join(folder, 'wrong.json');
    await writeFile(path, '{}');
    const { code } = await cli(['analyze', 'ablation', '--config', path, '--out', join(folder, 'wrong')]);
    expect(code).toBe(2);
  });
});
