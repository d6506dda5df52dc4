/** Makes the page: one folder of static files, for any web server, that fetches nothing from elsewhere. */
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { openFashionMnist } from '@immiscible/datasets';
import { build } from 'esbuild';

const here = path.dirname(fileURLToPath(import.meta.url));

/** How many images travel with the page: 256 bytes each. */
const IMAGES = 4096;

/** What bundles the packages' sources, not what was built of them; without its own bundler for workers, unused here. */
const FROM_SOURCES = { conditions: ['@immiscible/source'], external: ['*/bundle-worker.ts'] };

/**
 * Builds the page.
 *
 * @param {string} outdir where to
 * @param {{ fromSources?: boolean }} options `fromSources`: of the packages' sources, not of what they are published as
 */
export async function buildPage(outdir, { fromSources = false } = {}) {
  await mkdir(outdir, { recursive: true });
  await build({
    entryPoints: [path.join(here, 'src/main.ts')],
    outfile: path.join(outdir, 'index.js'),
    bundle: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    ...(fromSources ? FROM_SOURCES : {}),
    minify: true,
    legalComments: 'none',
    logLevel: 'warning',
    logOverride: { 'ignored-bare-import': 'silent' }, // what it would load for its effects has none
  });
  for (const file of ['index.html', 'style.css']) {
    await copyFile(path.join(here, file), path.join(outdir, file));
  }
  await writeFile(path.join(outdir, 'fashion-mnist-16.bin'), await firstImages());
}

/** The first images of Fashion-MNIST's test set at 16×16: [IMAGES, 1, 16, 16], uint8. */
async function firstImages() {
  const { images, channels, height, width } = await openFashionMnist({ split: 'test', size: 16 });
  return images.subarray(0, IMAGES * channels * height * width);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage(path.join(here, 'dist'));
