import { defineConfig } from 'vitest/config';

/** Tests of what is built: without the source condition, so every import of a package reads its dist. */
export default defineConfig({
  test: {
    include: ['scripts/test/built/*.test.mjs'],
    pool: 'forks',
    testTimeout: 300_000,
  },
});
