/**
 * Programs for processes of their own: bundled from sources with the package in them, as its build would, so that plain
 * Node runs them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';
import { inlineWorker } from '../src/look-ahead/bundle-worker.ts';

/** Bundles `code`, which imports the package as './src/index.ts'; the program is there until the test is over. */
export async function bundleProgram(code: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'immiscible-assignment-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'program.mjs');
  await build({
    stdin: { contents: code, resolveDir: join(import.meta.dirname, '..'), loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    conditions: ['@immiscible/source'],
    plugins: [inlineWorker()],
    outfile,
  });
  return outfile;
}
