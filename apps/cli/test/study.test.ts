/** A small study from beginning to end: stopped, continued, summarized, drawn. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CompareReport, summarize } from '@immiscible/trainer';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type StudyReport } from '../src/study/write-study.ts';
import { cli, type Outcome, testIo, tinyConfig } from './cli.ts';

// Whole runs on however busy a machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const config = tinyConfig;
const study = {
  name: 'tiny-study',
  seeds: [3, 4],
  pieces: [
    { name: 'a', config },
    { name: 'b', config: { ...config, training: { ...config.training, steps: 4 } }, seeds: [3] },
  ],
};

let folder: string;
let file: string;
let out: string;
let stopped: Outcome;
let made: Outcome;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'immiscible-study-'));
  [file, out] = [join(folder, 'study.json'), join(folder, 'out')];
  await writeFile(file, JSON.stringify(study));
  const io = testIo();
  const watch = setInterval(() => {
    if (!io.stderr.text.split('comparison 2 of 3: b, seed 3')[1]?.includes('vanilla after')) return;
    clearInterval(watch);
    io.interrupts.emit('SIGTERM');
  }, 1);
  stopped = await cli(['study', '--config', file, '--out', out], io);
  clearInterval(watch);
  made = await cli(['study', '--config', file, '--out', out, '--json']);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const text = (name: string): Promise<string> => readFile(join(out, name), 'utf8');

describe('study', () => {
  it('stops where it is asked to, and goes on with the same command to the end', () => {
    expect(stopped.code).toBe(143);
    expect(stopped.err).toContain('Stopped at b/seed-3. Continue with: the same command');
    expect(made.code).toBe(0);
    expect(made.err).not.toContain('comparison 1 of 3');
    expect(made.err).toContain('comparison 3 of 3: a, seed 4');
    const report = JSON.parse(made.out) as StudyReport;
    expect(report).toMatchObject({ name: 'tiny-study', planned: 3, finished: 3, failed: {} });
    expect(report.pieces.map(({ name, seeds }) => [name, seeds])).toEqual([
      ['a', [3, 4]],
      ['b', [3]],
    ]);
  });

  it('says what its comparisons say together', async () => {
    const report = JSON.parse(await text('study.json')) as StudyReport;
    expect(report).toEqual(JSON.parse(made.out));
    const reports = await Promise.all(
      [3, 4].map(async (seed) => JSON.parse(await text(`a/seed-${seed}/report.json`)) as CompareReport),
    );
    expect(reports.map(({ seed }) => seed)).toEqual([3, 4]);
    expect(report.pieces[0]).toEqual(JSON.parse(JSON.stringify(summarize('a', reports))));
  });

  it('writes tables and figures', async () => {
    const markdown = await text('study.md');
    expect(markdown).toMatch(/^3 of 3 comparisons/m);
    expect(markdown).toMatch(/^\| sampling steps \| vanilla \| immiscible \| immiscible, change \|$/m);
    expect(markdown).toMatch(/^\| immiscible \| linear \| l2 \| \d\.\d % \[/m);
    const quality = (await text('quality.csv')).trimEnd().split('\r\n');
    // Two arms, two numbers of sampling steps; two seeds of a and one of b.
    expect(quality).toHaveLength(1 + 2 * 2 * 3);
    expect((await text('curves.csv')).trimEnd().split('\r\n')).toHaveLength(1 + 2 * 2 * 3);
    expect(await text('images-to-quality.csv')).toMatch(
      /^piece,arm,seed,samplingSteps,goal,images,atMost\r\n/,
    );
    for (const name of ['quality-by-steps', 'change-by-steps', 'quality-by-images']) {
      const svg = await text(`${name}.svg`);
      expect(svg).not.toMatch(/var\(--|NaN|undefined/);
      const [drawn, png] = await Promise.all(
        [Buffer.from(svg), await readFile(join(out, `${name}.png`))].map((bytes) => sharp(bytes).metadata()),
      );
      expect([png!.width, png!.height]).toEqual([2 * drawn!.width, 2 * drawn!.height]);
    }
  });

  it('is shared by those who run it at the same time, to the same results', async () => {
    const shared = join(folder, 'shared');
    const [a, b] = await Promise.all([1, 2].map(() => cli(['study', '--config', file, '--out', shared])));
    expect([a!.code, b!.code]).toEqual([0, 0]);
    const begun = [a!, b!].map(({ err }) => err.match(/comparison \d of 3(?=: \w, seed \d; )/g) ?? []);
    expect(begun.flat().sort()).toEqual([1, 2, 3].map((i) => `comparison ${i} of 3`));
    expect(Math.min(...begun.map((own) => own.length))).toBeGreaterThan(0);
    expect(a!.err + b!.err).toContain('comparison 1 of 3: a, seed 3: another process is at it');
    for (const name of ['quality.csv', 'curves.csv', 'images-to-quality.csv']) {
      expect(await readFile(join(shared, name), 'utf8')).toBe(await text(name));
    }
  });

  it('trains nothing for --report, and only what is asked for with --only', async () => {
    const report = await cli(['study', '--config', file, '--out', out, '--report']);
    expect([report.code, report.err]).toEqual([0, '']);
    expect(report.out).toMatch(/^a$/m);
    expect(report.out).toContain('3 of 3 comparisons');
    const other = join(folder, 'other');
    const only = await cli(['study', '--config', file, '--out', other, '--only', 'b']);
    expect(only.code).toBe(0);
    expect(only.err).not.toContain('comparison 1 of 3');
    expect(only.out).toContain('1 of 3 comparisons');
  });

  it('refuses a folder that holds comparisons with another config', async () => {
    const other = join(folder, 'other.json');
    const pieces = [{ name: 'a', config: { ...config, optimizer: { learningRate: 1 } } }];
    await writeFile(other, JSON.stringify({ ...study, pieces }));
    const { code, err } = await cli(['study', '--config', other, '--out', out]);
    expect([code, err]).toEqual([2, expect.stringMatching(/was begun with another config \(optimizer/)]);
  });

  it.each([
    [['study', 'large-scale'], /there is no study "large-scale"; choose one of small-scale/],
    [['study', '--only', 'x'], /there is no piece x; the study has fashion-mnist-ddim/],
    [['study', '--data', 'idx=x'], /no piece of the study has data of the kind idx/],
    [['study', '--data', 'cifar10'], /wants kind=path/],
  ])('refuses %j', async (argv, message) => {
    const { code, err } = await cli(argv);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });

  it('goes on after a comparison that fails, and says so at the end', async () => {
    const failing = join(folder, 'failing.json');
    const lr = { ...config, optimizer: { learningRate: 1e30 } };
    await writeFile(
      failing,
      JSON.stringify({ seeds: [0], pieces: [{ name: 'bad', config: lr }, study.pieces[1]] }),
    );
    const { code, err } = await cli(['study', '--config', failing, '--out', join(folder, 'failing')]);
    expect(code).toBe(1);
    expect(err).toContain('bad/seed-0 failed: ');
    expect(err).toContain('comparison 2 of 2: b, seed 3');
    expect(await readFile(join(folder, 'failing/study.md'), 'utf8')).toMatch(/- bad\/seed-0 failed: /);
  });
});
