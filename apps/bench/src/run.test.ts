import { describe, expect, it } from 'vitest';
import { run } from './run.ts';

async function bench(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await run(argv, {
    stdout: { write: (text) => (out += text) },
    stderr: { write: (text) => (err += text) },
  });
  return { code, out, err };
}

describe('data', () => {
  it('prints a table, or JSON', async () => {
    const table = await bench('data', '--batches', '3', '--batch-size', '16');
    expect([table.code, table.err]).toEqual([0, '']);
    expect(table.out).toMatch(/fashion-mnist train 16x16 +│ \[1, 16, 16\] +│ 16 /);
    const json = await bench('data', '--batches', '3', '--batch-size', '16', '--json');
    expect(JSON.parse(json.out)).toMatchObject({ suite: 'data', rows: [{}, {}, { images: 50_000 }] });
  });

  it('names a set that is not there', async () => {
    const { code, out, err } = await bench('data', '--cifar10', 'no/such/folder', '--batches', '1');
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^error: .*no\/such\/folder/);
  });
});

describe('step', () => {
  it('times our step alone, and says why PyTorch is not beside it', async () => {
    const args = [
      'step',
      '--networks',
      'demo',
      '--rounds',
      '1',
      '--threads',
      '1',
      '--python',
      'no-such-python',
    ];
    const table = await bench(...args);
    expect(table.code).toBe(0);
    expect(table.out).toMatch(/PyTorch not measured: no-such-python cannot run PyTorch and diffusers/);
    expect(table.err).toContain('demo in f32: round 1 of 1');
    const json = JSON.parse((await bench(...args, '--json')).out) as { rows: { ours: number }[] };
    expect(json.rows[0]).toMatchObject({ network: 'demo', precision: 'f32', pytorch: [] });
    expect(json.rows[0]!.ours).toBeGreaterThan(0);
  });

  it('lists its networks', async () => {
    const { code, err } = await bench('step', '--networks', 'resnet');
    expect([code, err]).toEqual([2, 'error: step: there is no network resnet; use demo, unet64, cifar10\n']);
  });

  it('says what a device may be where there is none of that name', async () => {
    const { code, err } = await bench('step', '--device', 'abacus');
    expect(code).toBe(1);
    expect(err).toMatch(/^error: .*abacus/);
  });
});

describe('objectives', () => {
  it('times the step of each beside its passes', async () => {
    const args = ['objectives', '--networks', 'demo', '--rounds', '1', '--threads', '1'];
    const { code, out } = await bench(...args, '--objectives', 'consistency-training,flow-matching');
    expect(code).toBe(0);
    expect(out).toMatch(/demo +│ consistency-training │ .* 2 \+ 1 /);
    expect(out).toMatch(/demo +│ flow-matching +│ .* 1 \+ 1 /);
  });

  it('lists its objectives and networks', async () => {
    expect(await bench('objectives', '--objectives', 'score')).toEqual({
      code: 2,
      out: '',
      err: 'error: objectives: there is no objective score; use denoising, consistency-training, improved-consistency-training, edm, flow-matching\n',
    });
    expect((await bench('objectives', '--networks', 'resnet')).err).toContain('use demo, ncsnpp');
  });
});

describe('assignment', () => {
  it('prints the paper’s table for one size', async () => {
    const args = ['assignment', '--sizes', '16', '--repeats', '1', '--no-python', '--family', 'f16,ties'];
    const { code, out, err } = await bench(...args);
    expect(code).toBe(0);
    expect(out).toMatch(/Skipped: solvers for Python: not asked for/);
    expect(err).toContain('synthetic 1/f, unit variance, batch 16');
    const json = JSON.parse((await bench(...args, '--json')).out) as object;
    expect(json).toMatchObject({ suite: 'assignment', rows: [{ family: 'f16' }, { family: 'ties' }] });
  });

  it('refuses a figure that it cannot draw, before it measures', async () => {
    const { code, out, err } = await bench('assignment', '--plot', 'times.pdf');
    expect([code, out]).toEqual([2, '']);
    expect(err).toBe(
      'error: bench assignment: --plot wants a file that ends in .svg or .png, got times.pdf\n',
    );
  });
});

describe('assignment --step', () => {
  it('times steps without assignment, waiting for it, and with it made ahead', async () => {
    const args = ['assignment', '--step', '--sizes', '8', '--repeats', '1'];
    const { code, out } = await bench(...args);
    expect(code).toBe(0);
    expect(out).toMatch(/batch .* without ms .* waiting ms .* ahead ms/);
    const json = JSON.parse((await bench(...args, '--json')).out) as { rows: Record<string, number>[] };
    expect(json).toMatchObject({ suite: 'assignment-step', threads: 1, rows: [{ batch: 8 }] });
    for (const name of ['without', 'waiting', 'ahead', 'worker', 'waited']) {
      expect(json.rows[0]?.[name], name).toBeGreaterThan(0);
    }
  });
});

it('refuses what it does not know, and helps', async () => {
  expect((await bench('pixels')).code).toBe(2);
  expect((await bench('data', '--batches', '0')).err).toMatch(/It wants a whole number of at least 1/);
  const help = await bench('--help');
  expect([help.code, help.err]).toEqual([0, '']);
  for (const suite of ['assignment', 'step', 'objectives', 'kernels', 'data']) {
    expect(help.out).toContain(suite);
    expect((await bench(suite, '--help')).out).toMatch(/Example:\n {2}npm run bench -- /);
  }
});
