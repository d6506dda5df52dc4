import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';
import { lavapipeEnvironment } from './scripts/lib/lavapipe.mjs';

/** The processes that Vitest forks then see a WebGPU adapter, where scripts/lavapipe.mjs has unpacked one. */
Object.assign(process.env, lavapipeEnvironment());

/** No choice of kernels that somebody has measured here: tests run the same ones everywhere. */
process.env['IMMISCIBLE_CACHE'] = resolve(import.meta.dirname, 'node_modules/.cache/immiscible-tests');

/** Tests run on sources: the `@immiscible/source` condition of every package's exports points there. */
const conditions = ['@immiscible/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'apps/*/{src,test}/**/*.test.ts',
      'docs/*/{src,test}/**/*.test.ts',
    ],
    pool: 'forks',
    // Tests on the software adapter wait for its compiler, on one core: two at a time on two.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 60_000,
    hookTimeout: 60_000,
    server: { deps: { inline: [/@immiscible\//] } },
  },
});
