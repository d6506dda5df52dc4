/** What a page that uses this package loads: one bundle, nothing native, nothing of Node's, and not much of it. */
import { gzipSync } from 'node:zlib';
import { Worker } from 'node:worker_threads';
import { once } from 'node:events';
import { build } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import { inlineWorker } from '../src/look-ahead/bundle-worker.ts';

/** The promise of the README, in bytes: everything that the package exports, the look-ahead's worker included. */
const LIMIT = 60_000;

let bundle: { text: string; imports: readonly unknown[] };

beforeAll(async () => {
  const { outputFiles, metafile } = await build({
    stdin: {
      contents: "export * from './src/index.ts';",
      resolveDir: `${import.meta.dirname}/..`,
      loader: 'ts',
    },
    bundle: true,
    minify: true,
    format: 'iife',
    globalName: 'assignment',
    platform: 'browser', // an import of one of Node's modules is an error
    target: 'es2022',
    conditions: ['@immiscible/source'],
    plugins: [inlineWorker()],
    metafile: true,
    write: false,
    outfile: 'out.js',
  });
  bundle = { text: outputFiles[0]!.text, imports: Object.values(metafile.outputs)[0]!.imports };
});

it('is smaller than promised', () => {
  expect(gzipSync(bundle.text).length).toBeLessThan(LIMIT);
});

it('imports nothing, and asks for a module of Node only where there is Node', () => {
  expect(bundle.imports).toEqual([]);
  expect(bundle.text).not.toMatch(/\bfrom\s*["']node:|\brequire\s*\(|\bimport\s*\(/);
});

it('loads and pairs where there is nothing of Node', async () => {
  const script = `
    const { parentPort } = require('node:worker_threads');
    for (const name of ['process', 'Buffer', 'global', 'setImmediate', 'clearImmediate']) delete globalThis[name];
    (0, eval)(${JSON.stringify(`${bundle.text};globalThis.assignment = assignment;`)});
    const x0 = Float32Array.from({ length: 64 * 16 }, (_, i) => Math.sin(i * i));
    const noise = x0.map((value) => -value);
    globalThis.assignment.assignNoise(x0, noise, { batch: 64 }).then(({ stats }) => parentPort.postMessage(stats.exact));
  `;
  const page = new Worker(script, { eval: true, execArgv: [] });
  expect(await once(page, 'message')).toEqual([true]);
  await page.terminate();
});
