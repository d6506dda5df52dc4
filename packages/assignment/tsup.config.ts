import { defineConfig } from 'tsup';
import { inlineWorker } from './src/look-ahead/bundle-worker.ts';

export default defineConfig({
  entry: { index: 'src/index.ts', worker: 'src/look-ahead/worker.ts' },
  format: 'esm',
  dts: true,
  clean: true,
  target: 'node20',
  esbuildPlugins: [inlineWorker()],
});
