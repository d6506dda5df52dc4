import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('generated files are what the kernels in assembly/ compile to', async () => {
  const script = join(import.meta.dirname, '../../scripts/build-wasm.mjs');
  const { stderr } = await promisify(execFile)(process.execPath, [script, '--check']);
  expect(stderr).toBe('');
});
