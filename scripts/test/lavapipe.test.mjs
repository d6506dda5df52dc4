/** lavapipe.mjs where lavapipe cannot be had: it says why, leaves nothing that looks unpacked, and does not fail. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createServer } from 'node:http';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { root } from '../lib/workspace.mjs';
import { run } from './tiny-workspace.mjs';

const canUnpack =
  process.platform === 'linux' && process.arch === 'x64' && spawnSync('dpkg-deb', ['--version']).status === 0;
const skip = !canUnpack && 'it wants Linux on x64 with dpkg-deb';

/** A copy of the scripts, with a cache of its own. */
let folder;
before(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'immiscible-lavapipe-'));
  cpSync(path.join(root, 'scripts'), path.join(folder, 'scripts'), { recursive: true });
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function printEnvironment(env) {
  const options = { cwd: folder, env: { ...process.env, IMMISCIBLE_WEBGPU: '', ...env } };
  const { code, stdout, stderr } = await run(
    process.execPath,
    ['scripts/lavapipe.mjs', '--print-env'],
    options,
  ).end;
  assert.equal(code, 0, stderr);
  assert.equal(stdout, '');
  return stderr;
}

/** A mirror that answers to everything with the same. */
async function withMirror(status, body, work) {
  const server = createServer((_, response) => response.writeHead(status).end(body));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await work(`http://127.0.0.1:${server.address().port}/debian`);
  } finally {
    server.close();
  }
}

test('who keeps to the adapters of the system gets no other', async () => {
  const said = await printEnvironment({ IMMISCIBLE_WEBGPU: 'system' });
  assert.match(said, /not here \(IMMISCIBLE_WEBGPU=system .*may be skipped/);
});

test('a mirror without the package', { skip }, async () => {
  const said = await withMirror(404, 'no', (mirror) =>
    printEnvironment({ IMMISCIBLE_DEBIAN_MIRROR: mirror }),
  );
  assert.match(said, /mesa-vulkan-drivers.*status 404[^]*may be skipped/);
});

test('a mirror whose package is another', { skip }, async () => {
  const said = await withMirror(200, 'other', (mirror) =>
    printEnvironment({ IMMISCIBLE_DEBIAN_MIRROR: mirror }),
  );
  assert.match(said, /SHA-256 is d9298a10[0-9a-f]+, wanted 3899f180[^]*may be skipped/);
});

test('no network', { skip }, async () => {
  const mirror = await withMirror(200, '', async (url) => url); // closed by now
  const said = await printEnvironment({ IMMISCIBLE_DEBIAN_MIRROR: mirror });
  assert.match(said, /ECONNREFUSED[^]*may be skipped/);
});
