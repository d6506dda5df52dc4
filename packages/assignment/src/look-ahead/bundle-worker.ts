/**
 * Bundles the look-ahead's worker into one classic script, and puts it in place of `worker-body.ts` when the package
 * is built (tsup.config.ts).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSync, type Plugin, transformSync } from 'esbuild';

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
 * For esbuild: the bundled string instead of the module that would make it. Kernels (`wasm/*.generated.ts`), which the
 * bundle around it holds as well, are left out of the string and handed over when a worker starts.
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
  const kernels = generatedStrings().filter(({ literal }) => script.includes(literal));
  const names = kernels.map(({ name }) => name).join(', ');
  const body = kernels.reduce(
    (text, { name, literal }) => text.replaceAll(literal, `immiscibleKernels.${name}`),
    script,
  );
  return [
    ...kernels.map(({ file, name }) => `import { ${name} } from '../wasm/${file}';`),
    `const body = ${JSON.stringify(body)};`,
    `export const workerBody = () => \`const immiscibleKernels=\${JSON.stringify({ ${names} })};\${body}\`;`,
    '',
  ].join('\n');
}

/** The constants of the generated files, as they stand in a minified script. */
function generatedStrings(): { file: string; name: string; literal: string }[] {
  const folder = new URL('../wasm/', import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith('.generated.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    const [, name, written] = /^export const (\w+) =\s*(.+);$/m.exec(text) ?? [];
    if (name === undefined || written === undefined) return [];
    const minified = transformSync(`it=${written}`, { minify: true }).code;
    return [{ file, name, literal: minified.slice('it='.length).replace(/;?\n$/, '') }];
  });
}
