/**
 * Bundles the look-ahead's worker into one classic script, and puts it in place of `worker-body.ts` when the package
 * is built (tsup.config.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
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

/**
 * For esbuild: the bundled string instead of the module that would make it. The kernels' WebAssembly, which the bundle
 * around it holds as well, is left out of the string and handed over when a worker starts.
 */
export function inlineWorker(): Plugin {
  return {
    name: 'inline-worker',
    setup: (build) => {
      build.onLoad({ filter: /[/\\]look-ahead[/\\]worker-body\.ts$/ }, () => ({
        contents: withoutKernels(bundleWorker()),
        loader: 'js',
      }));
    },
  };
}

/** A module whose `workerBody` gives `script` as it was. */
function withoutKernels(script: string): string {
  const folder = new URL('../wasm/', import.meta.url);
  const kernels = readdirSync(folder).flatMap((file) => {
    const text = file.endsWith('.generated.ts') ? readFileSync(new URL(file, folder), 'utf8') : '';
    const [, name, base64] = /^export const (\w+) =\s*'([\w+/=]+)';$/m.exec(text) ?? [];
    return name && base64 && script.includes(`"${base64}"`) ? [{ file, name, base64 }] : [];
  });
  const names = kernels.map(({ name }) => name).join(', ');
  const body = kernels.reduce(
    (text, { name, base64 }) => text.replaceAll(`"${base64}"`, `immiscibleKernels.${name}`),
    script,
  );
  return [
    ...kernels.map(({ file, name }) => `import { ${name} } from '../wasm/${file}';`),
    `const body = ${JSON.stringify(body)};`,
    `export const workerBody = () => \`const immiscibleKernels=\${JSON.stringify({ ${names} })};\${body}\`;`,
    '',
  ].join('\n');
}
