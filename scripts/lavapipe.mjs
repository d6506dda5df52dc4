/**
 * Unpacks lavapipe, a Vulkan driver that computes on the CPU, into .cache/lavapipe, so that the tests of the WebGPU target
 * run on a machine without a GPU: node scripts/lavapipe.mjs [--print-env]
 *
 * Linux on x64 with Debian's dpkg-deb and nothing else; nothing is installed. Where it cannot be had, it says why and exits
 * with 0: those tests are then skipped. Vitest finds what was unpacked by itself; `--print-env` prints what a shell has to
 * export for anything else (eval "$(node scripts/lavapipe.mjs --print-env)"). IMMISCIBLE_WEBGPU=system leaves it out;
 * IMMISCIBLE_DEBIAN_MIRROR names another mirror of Debian's archive.
 */
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isUnpacked, keepsToSystem, lavapipeEnvironment, lavapipeFolder, PARTS } from './lib/lavapipe.mjs';
import { DRIVER, LIBRARIES, MIRRORS } from './lib/lavapipe-packages.mjs';

/** A reason for which lavapipe cannot be had here, as a person should read it. */
class Unavailable extends Error {}

const mirrors = process.env.IMMISCIBLE_DEBIAN_MIRROR ? [process.env.IMMISCIBLE_DEBIAN_MIRROR] : MIRRORS;

/** What is unpacked is out of date when these files changed. */
const digest = ['lavapipe.mjs', 'lib/lavapipe.mjs', 'lib/lavapipe-packages.mjs']
  .map((file) => readFileSync(fileURLToPath(new URL(file, import.meta.url))))
  .reduce((hash, content) => hash.update(content), createHash('sha256'))
  .digest('hex');

try {
  if (keepsToSystem())
    throw new Unavailable('IMMISCIBLE_WEBGPU=system asks for the adapters of the system alone');
  if (isUnpacked(digest)) console.error('lavapipe: unpacked already');
  else await unpack();
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(`lavapipe: not here (${error.message}); tests that want a WebGPU adapter may be skipped`);
}
if (process.argv.includes('--print-env')) {
  for (const [name, value] of Object.entries(lavapipeEnvironment())) {
    console.log(`export ${name}='${value.replaceAll("'", `'\\''`)}'`);
  }
}

async function unpack() {
  checkSystem();
  rmSync(lavapipeFolder, { recursive: true, force: true });
  for (const folder of [PARTS.system, PARTS.runtime]) mkdirSync(folder, { recursive: true, mode: 0o700 });

  for (const archive of DRIVER) await unpackArchive(archive);
  const driver = path.join(PARTS.libraries[0], 'libvulkan_lvp.so');
  if (!systemHas('libvulkan.so.1')) await unpackArchive(LIBRARIES['libvulkan.so.1']);
  await unpackMissingLibraries(driver);

  const icd = { file_format_version: '1.0.0', ICD: { library_path: driver, api_version: '1.4.305' } };
  writeFileSync(PARTS.icd, `${JSON.stringify(icd, null, 2)}\n`);
  writeFileSync(PARTS.stamp, digest);
  console.error(`lavapipe: unpacked into ${lavapipeFolder}`);
}

function checkSystem() {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64')
    throw new Unavailable(`it is for Linux on x64, this is ${platform} on ${arch}`);
  try {
    run('dpkg-deb', ['--version']);
  } catch {
    throw new Unavailable('it is unpacked by dpkg-deb, which is on Debian, Ubuntu and their kin');
  }
}

/** Gets libraries until the driver lacks none; each may want others. */
async function unpackMissingLibraries(driver) {
  const tried = new Set();
  for (;;) {
    const missing = missingLibraries(driver);
    if (missing.length === 0) return;
    for (const library of missing) {
      const archive = LIBRARIES[library];
      if (!archive || tried.has(library)) throw new Unavailable(`no library ${library} on this system`);
      tried.add(library);
      await unpackArchive(archive);
    }
  }
}

function missingLibraries(file) {
  const env = { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: PARTS.libraries.join(':') };
  const listed = run('ldd', [file], { env });
  return [...listed.matchAll(/^\s*(\S+) => not found$/gm)].map(([, library]) => library);
}

function systemHas(library) {
  for (const ldconfig of ['ldconfig', '/sbin/ldconfig']) {
    try {
      return run(ldconfig, ['-p']).includes(`\t${library} (`);
    } catch {
      // not on PATH: a person's PATH often lacks /sbin
    }
  }
  return false;
}

async function unpackArchive([file, sha256]) {
  const archive = path.join(lavapipeFolder, path.basename(file));
  writeFileSync(archive, await download(file, sha256));
  run('dpkg-deb', ['-x', archive, PARTS.system]);
  rmSync(archive);
}

async function download(file, sha256) {
  const failures = [];
  for (const mirror of mirrors) {
    const url = `${mirror}/pool/main/${file}`;
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(180_000) });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const content = Buffer.from(await response.arrayBuffer());
      const sum = createHash('sha256').update(content).digest('hex');
      if (sum !== sha256) throw new Error(`SHA-256 is ${sum}, wanted ${sha256}`);
      return content;
    } catch (error) {
      failures.push(`${url}: ${error.cause?.message ?? error.message}`);
    }
  }
  throw new Unavailable(`no archive:\n  ${failures.join('\n  ')}\n`);
}

function run(command, args, options = {}) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options });
}
