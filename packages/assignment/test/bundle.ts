/**
 * Programs for processes of their own: bundled from sources with the package in them, as its build would, so that plain
 * Node runs them.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { onTestFinished } from 'vitest';
import { inlineWorker } from '../src/look-ahead/bundle-worker.ts';

/** Bundles a program of `children/`; the file is there until the test is over. */
export function bundleChild(name: string): Promise<string> {
  return bundle({ entryPoints: [join(import.meta.dirname, 'children', `${name}.ts`)] });
}

/** The same for a few lines of code, which import the package from './src'. */
export function bundleProgram(code: string): Promise<string> {
  return bundle({
    stdin: { contents: code, resolveDir: join(import.meta.dirname, '..'), loader: 'ts' },
  });
}

async function bundle(entry: BuildOptions): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'immiscible-assignment-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const outfile = join(folder, 'program.mjs');
  await build({
    ...entry,
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
