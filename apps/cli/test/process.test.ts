/** The built command as a process: its streams, its exit code, and signals as a terminal sends them. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type CompareReport } from '@immiscible/trainer';
import sharp from 'sharp';
import { expect, it, vi } from 'vitest';
import { type Outcome, temporaryFolder, writeConfig } from './cli.ts';

// Whole runs on however busy a machine.
vi.setConfig({ testTimeout: 300_000 });

const main = resolve(import.meta.dirname, '../dist/main.js');
const built = existsSync(main);
const why = built ? '' : ' (skipped: apps/cli is not built)';

/** Runs the command; `watch` sees what it has written to stderr so far, and may send it a signal. */
function spawned(
  argv: readonly string[],
  watch: (err: string, kill: (signal: NodeJS.Signals) => void) => void = () => undefined,
  cwd = process.cwd(),
): Promise<Outcome & { readonly signal: NodeJS.Signals | null }> {
  return new Promise((done, fail) => {
    const env = { ...process.env, npm_lifecycle_event: undefined };
    const child = spawn(process.execPath, [main, ...argv], { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      err += text;
      watch(err, (signal) => child.kill(signal));
    });
    child.on('error', fail).on('close', (code, signal) => done({ code: code ?? -1, signal, out, err }));
  });
}

it.skipIf(!built)(`stops at Ctrl-C and at SIGKILL, and goes on to the same numbers${why}`, async () => {
  const out = await temporaryFolder();
  const config = await writeConfig(out, { training: { steps: 40, batchSize: 16, ema: { decay: 0.9 } } });
  const compare = ['compare', '--config', config, '--out', out, '--json', '--name'];
  const whole = await spawned([...compare, 'whole']);
  expect([whole.code, whole.err]).toEqual([0, expect.stringContaining('immiscible after 640 images')]);

  let sent = false;
  const stopped = await spawned([...compare, 'stopped'], (err, kill) => {
    if (sent || !err.includes('vanilla after 320 images')) return;
    sent = true;
    kill('SIGINT');
  });
  expect([stopped.code, stopped.signal, stopped.out]).toEqual([130, null, '']);
  expect(stopped.err).toContain(`Continue with: immiscible compare --resume ${join(out, 'stopped')}`);

  const resume = ['compare', '--json', '--resume', join(out, 'stopped')];
  const killed = await spawned(resume, (err, kill) => {
    if (err.includes('immiscible after 320 images')) kill('SIGKILL');
  });
  expect(killed.signal).toBe('SIGKILL');

  const continued = await spawned(resume);
  expect(continued.code).toBe(0);
  const numbers = ({ out: text }: Outcome): unknown[] =>
    (JSON.parse(text) as CompareReport).arms.map(({ loss, frechet, precision, recall }) => ({
      loss,
      frechet,
      precision,
      recall,
    }));
  expect(numbers(continued)).toEqual(numbers(whole));
});

it.skipIf(!built)(`puts a grid that has no name where it is run, beside single images${why}`, async () => {
  const out = await temporaryFolder();
  const config = await writeConfig(out, { training: { steps: 1, batchSize: 4 } });
  const report = await spawned(['compare', '--config', config, '--out', out, '--name', 'tiny']);
  expect(report.code).toBe(0);
  const flags = ['--steps', '1', '--seeds', '0-3', '--out', 'singles', '--grid'];
  const made = await spawned(['sample', 'tiny/vanilla', ...flags], undefined, out);
  expect(made.code).toBe(0);
  expect(made.out).toContain('samples.png and 4 files in singles');
  const { format, width, height } = await sharp(join(out, 'samples.png')).metadata();
  expect([format, width]).toEqual(['png', height]);
});

it.skipIf(!built)(`names what it cannot use, with exit code 2${why}`, async () => {
  const missing = await spawned(['assign', '--cost', 'no-such-file', '--size', '3', '--json']);
  expect([missing.code, missing.out]).toEqual([2, '']);
  expect(missing.err).toMatch(/^error: --cost: no-such-file cannot be read: ENOENT.*\n$/);
});

it.skipIf(!built)(`says its version${why}`, async () => {
  const { version } = JSON.parse(await readFile(resolve(main, '../../package.json'), 'utf8')) as {
    version: string;
  };
  expect(await spawned(['--version'])).toMatchObject({ code: 0, out: `${version}\n`, err: '' });
});
