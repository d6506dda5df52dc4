/** One small comparison from beginning to end, and everything that can be asked about it afterwards. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CompareReport } from '@immiscible/trainer';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { cli, type Outcome, testIo, writeConfig } from './cli.ts';

// Whole runs on however busy a machine.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let out: string;
let config: string;
let made: Outcome;
let report: CompareReport;

beforeAll(async () => {
  out = await mkdtemp(join(tmpdir(), 'immiscible-cli-'));
  config = await writeConfig(out);
  made = await cli(['compare', '--config', config, '--out', out, '--json']);
  report = JSON.parse(made.out) as CompareReport;
});
afterAll(() => rm(out, { recursive: true, force: true }));

const PNG = '89504e47';

async function isPng(path: string): Promise<boolean> {
  return (await readFile(path)).subarray(0, 4).toString('hex') === PNG;
}

describe('compare', () => {
  it('prints its report as JSON and nothing else, and tells its progress on stderr', async () => {
    expect(made.code).toBe(0);
    expect(report).toEqual(JSON.parse(await readFile(join(out, 'tiny/report.json'), 'utf8')));
    expect(report.arms.map(({ name, images, steps }) => [name, images, steps])).toEqual([
      ['vanilla', 96, 6],
      ['immiscible', 96, 6],
    ]);
    for (const arm of report.arms) {
      expect(Object.keys(arm.frechet)).toEqual(['2', '3']);
      expect(arm.loss.map(({ images }) => images)).toEqual([32, 64, 96]);
      expect(arm.secondsPerStep).toBeGreaterThan(0);
    }
    expect(report.arms[0]!.distanceReduction).toBe(0);
    expect(report.arms[1]!.distanceReduction).toBeGreaterThan(0.02);
    expect(report.config.data).toMatchObject({ kind: 'fashion-mnist', size: 8 });
    expect(made.err).toMatch(
      /vanilla against immiscible: 60,000 images of fashion-mnist train 8x8; 6 steps of 16 images/,
    );
    expect(made.err).toMatch(/immiscible {2}6\/6 steps {2}\S+ images\/s {2}loss 0\.\d+ {2}cut \d\.\d %/);
    expect(made.err).toMatch(/vanilla after 48 images: Fréchet distance [\d,]+ with 2 sampling steps/);
  });

  it('leaves a page with all of its pictures, and no lock', async () => {
    const page = await readFile(join(out, 'tiny/report.html'), 'utf8');
    expect(page.match(/src="data:image\/png;base64,iVBORw0KGgo/g)).toHaveLength(5);
    expect(await readdir(join(out, 'tiny'))).not.toContain('.running');
  });

  it('refuses a name that is taken, and says what to do', async () => {
    const again = await cli(['compare', '--config', config, '--out', out]);
    expect([again.code, again.out]).toEqual([2, '']);
    expect(again.err).toBe(
      `error: ${join(out, 'tiny')} holds a finished run; choose another --name, or remove the folder\n`,
    );
    const foreign = await cli([
      'compare',
      '--config',
      config,
      '--out',
      join(out, '..'),
      '--name',
      out.split('/').at(-1)!,
    ]);
    expect([foreign.code, foreign.err]).toEqual([
      2,
      expect.stringContaining('holds other files; choose another --name'),
    ]);
  });

  it('can be stopped and continued to the very same numbers', async () => {
    const io = testIo({ env: { npm_lifecycle_event: 'immiscible' } });
    const watch = setInterval(() => {
      if (!io.stderr.text.includes('vanilla after 48 images')) return;
      clearInterval(watch);
      io.interrupts.emit('SIGINT');
    }, 1);
    const args = ['--config', config, '--out', out, '--name', 'stopped'];
    const stopped = await cli(['compare', ...args], io);
    expect(stopped.code).toBe(130);
    expect(stopped.err).toMatch(
      new RegExp(
        `Stopped \\(.*\\)\\. Continue with: npm run immiscible -- compare --resume ${join(out, 'stopped')}\n$`,
      ),
    );
    expect(stopped.err).not.toContain('error');
    const refused = await cli(['compare', ...args]);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('continue it with --resume')]);
    const kept = await cli(['compare', '--out', out, '--resume', 'stopped', '--seed', '3']);
    expect([kept.code, kept.err]).toEqual([2, expect.stringContaining('a resumed run keeps its config')]);

    const continued = await cli(['compare', '--out', out, '--resume', 'stopped', '--json']);
    expect(continued.code).toBe(0);
    const arms = (JSON.parse(continued.out) as CompareReport).arms;
    for (const [i, { loss, frechet, distanceReduction }] of arms.entries()) {
      const { loss: l, frechet: f, distanceReduction: d } = report.arms[i]!;
      expect({ loss, frechet, distanceReduction }).toEqual({ loss: l, frechet: f, distanceReduction: d });
    }
  });

  it('goes on beside a finished run with --continue, as npm start does', async () => {
    const next = await cli(['compare', '--config', config, '--out', out, '--continue']);
    expect(next.code).toBe(0);
    expect(next.out).toContain(`Report: ${join(out, 'tiny-2', 'report.html')}`);
    expect(next.out).toMatch(
      /Fréchet distance in pixels-8x8 features; real images among themselves: [\d,]+ ±/,
    );
    expect(next.out).toMatch(/^immiscible( +[\d,]+){2}$/m);
    expect(next.out).toMatch(/^arm +distance cut +last loss +a step +images\/s +training$/m);
  });
});

describe('sample', () => {
  it('makes a grid and single pictures, the same for the same seeds', async () => {
    const arm = join(out, 'tiny/immiscible');
    const [grid, folder] = [join(out, 'grid.png'), join(out, 'singles')];
    const args = ['sample', arm, '--steps', '2', '--seeds', '5-9', '--json'];
    const first = await cli([...args, '--grid', grid, '--out', folder]);
    expect(first.code).toBe(0);
    const { model, files, seeds } = JSON.parse(first.out) as {
      model: string;
      files: string[];
      seeds: number[];
    };
    expect(model).toBe(join(arm, 'checkpoints/step-00000006'));
    expect(seeds).toEqual([5, 6, 7, 8, 9]);
    expect(files).toEqual([...seeds.map((seed) => join(folder, `00000${seed}.png`)), grid]);
    expect(await Promise.all(files.map(isPng))).not.toContain(false);

    // Another batch size and the pipeline folder itself: the same bytes.
    const again = await cli([
      'sample',
      model,
      '--steps',
      '2',
      '--seeds',
      '7',
      '--batch-size',
      '2',
      '--out',
      join(out, 'again'),
    ]);
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('1 image with ddim, 2 steps, in')]);
    expect(await readFile(join(out, 'again/000007.png'))).toEqual(await readFile(join(folder, '000007.png')));
  });

  it('names the arms where it is given a comparison, and what it wants where it is given something else', async () => {
    const comparison = await cli(['sample', join(out, 'tiny')]);
    expect([comparison.code, comparison.err]).toEqual([
      2,
      `error: ${join(out, 'tiny')} holds a comparison; name one of its arms: ${join(out, 'tiny/vanilla')}, ${join(out, 'tiny/immiscible')}\n`,
    ]);
    const nothing = await cli(['sample', join(out, 'nothing')]);
    expect([nothing.code, nothing.err]).toEqual([2, expect.stringContaining('nothing does not exist')]);
  });

  it('refuses more steps than the schedule has, labels without classes, and seeds that are none', async () => {
    const arm = join(out, 'tiny/vanilla');
    for (const [args, message] of [
      [['--steps', '1001'], /--steps: .* sampling steps from 1 to 1000 \(num_train_timesteps\), got 1001/],
      [['--labels', '0'], /--labels: the model has no classes/],
      [['--seeds', 'x'], /--seeds <list>' argument 'x' is invalid\. It wants whole numbers and ranges/],
      [['--eta', '2'], /It wants a number from 0 to 1/],
    ] as const) {
      const { code, err } = await cli(['sample', arm, ...args]);
      expect(code).toBe(2);
      expect(err).toMatch(message);
    }
  });
});

describe('evaluate', () => {
  it('measures a model of a run as the comparison did', async () => {
    const args = ['evaluate', join(out, 'tiny/immiscible'), '--steps', '2,3', '--json'];
    const { code, out: text } = await cli(args);
    expect(code).toBe(0);
    const { quality, floor, features, samples, step } = JSON.parse(text) as {
      quality: Record<string, { frechet: number }>;
      floor: CompareReport['floor'];
      features: string;
      samples: number;
      step: number;
    };
    expect([features, samples, step]).toEqual(['pixels-8x8', 40, 6]);
    expect(floor).toEqual(report.floor);
    expect(quality['2']!.frechet).toBeCloseTo(report.arms[1]!.frechet['2']!, 5);
    expect(quality['3']!.frechet).toBeCloseTo(report.arms[1]!.frechet['3']!, 5);
  });

  it('prints a table, and takes a pipeline folder with data of the model’s size', async () => {
    const folder = join(out, 'tiny/vanilla/checkpoints/step-00000006');
    const wanted = await cli(['evaluate', folder]);
    expect([wanted.code, wanted.err]).toEqual([2, expect.stringContaining('wants --data')]);
    const { code, out: text } = await cli([
      ...[
        'evaluate',
        folder,
        '--data',
        'fashion-mnist',
        '--samples',
        '30',
        '--steps',
        '2',
        '--batch-size',
        '15',
      ],
    ]);
    expect(code).toBe(0);
    expect(text).toMatch(
      /30 generated images \(ddim\) against 10,000 of fashion-mnist train 8x8, in pixels-8x8 features/,
    );
    expect(text).toMatch(/^2 +[\d,]+ +\d\.\d\d +\d\.\d\d +\d\.\d+$/m);
  });

  it('refuses features that there are not, and data of another size', async () => {
    const arm = join(out, 'tiny/vanilla');
    const features = await cli(['evaluate', arm, '--features', 'inception']);
    expect([features.code, features.err]).toEqual([2, expect.stringContaining('evaluation.features')]);
    const data = await cli(['evaluate', arm, '--data', '{kind: fashion-mnist, size: 16}', '--samples', '20']);
    expect([data.code, data.err]).toEqual([
      2,
      expect.stringContaining('the real ones are 16×16; choose other --data'),
    ]);
  });
});

describe('info', () => {
  it('describes a model', async () => {
    const { code, out: text } = await cli(['info', join(out, 'tiny/vanilla')]);
    expect(code).toBe(0);
    expect(text).toMatch(/^parameters +72,113 in \d+ arrays$/m);
    expect(text).toMatch(/^trained +6 steps$/m);
    const json = await cli(['info', join(out, 'tiny/vanilla/checkpoints/step-00000006'), '--json']);
    expect(JSON.parse(json.out)).toMatchObject({ parameters: 72_113, frozen: 0, size: [8, 8] });
  });
});

describe('weights of another shape', () => {
  it('are refused by name', async () => {
    const folder = join(out, 'tiny/vanilla/checkpoints/step-00000006');
    const path = join(folder, 'unet/config.json');
    const before = await readFile(path, 'utf8');
    await writeFile(
      path,
      before.replace(/"block_out_channels": \[\s*16,\s*16\s*\]/, '"block_out_channels": [16, 32]'),
    );
    const { code, err } = await cli(['sample', folder]);
    await writeFile(path, before);
    expect(code).toBe(2);
    expect(err).toMatch(/UNet2DModel weights: .* of another shape: .* \(wanted \[32, .*got \[16, /);
    expect((await stat(path)).size).toBe(before.length);
  });
});
