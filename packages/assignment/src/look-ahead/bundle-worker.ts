/**
 * Bundles the look-ahead's worker into one classic script, and puts it in place of `worker-body.ts` when the package
 * is built (tsup.config.ts).
 */
import { fileURLToPath } from 'node:url';
import { buildSync, type Plugin } from 'esbuild';

/** The worker with all that it imports, minified. */
export function bundleWorker(): string {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL('./worker.ts', import.meta.url))],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'neutral',
    target: 'es2022',
    conditions: ['@immiscible/source'],
    write: false,
    legalComments: 'none',
  });
  return outputFiles[0]!.text;
}

/** For esbuild: the bundled string instead of the module that would make it. */
export function inlineWorker(): Plugin {
  return {
    name: 'inline-worker',
    setup: (build) => {
      build.onLoad({ filter: /[/\\]look-ahead[/\\]worker-body\.ts$/ }, () => ({
        contents: `const body = ${JSON.stringify(bundleWorker())};\nexport const workerBody = () => body;\n`,
        loader: 'js',
      }));
    },
  };
}
