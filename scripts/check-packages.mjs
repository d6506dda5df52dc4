/**
 * The packages as somebody else gets them: packed, checked by publint and are-the-types-wrong, installed by npm into an
 * empty folder, and used there as their README says. Wants a build.
 *
 * The packages that promise to install no device are installed each alone, so that the promise is what is tested.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { Checks } from './lib/checks.mjs';
import { execute } from './lib/execute.mjs';
import { alsoInstalled, installLine, readExamples, toScript } from './lib/readme-examples.mjs';
import { listPackages, readJson, root } from './lib/workspace.mjs';

/** Each installed alone: most bytes that may lie in node_modules, and whether native modules may be among them. */
const ALONE = {
  random: { bytes: 1e6, native: false },
  assignment: { bytes: 2e6, native: false },
  schedulers: { bytes: 10e6, native: false },
  'fashion-mnist': { bytes: 40e6, native: false },
  datasets: { bytes: 100e6, native: true }, // sharp decodes its images
};
/** No package of ALONE may bring one of these in. */
const DEVICES = ['onnxruntime-node', 'webgpu'];

const checks = new Checks();
const temporary = mkdtempSync(path.join(os.tmpdir(), 'immiscible-packed-'));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

const packages = listPackages()
  .filter(({ manifest }) => !manifest.private)
  .map((pkg) => ({ ...pkg, short: pkg.name.replace('@immiscible/', '') }));
const byName = new Map(packages.map((pkg) => [pkg.name, pkg]));

await checks.run('pnpm packs the packages', packAll);

for (const { name, folder, tarball } of packages) {
  await checks.run(`${name}: holds what a package should, and no more`, () => lookInside(tarball));
  await checks.run(`${name}: publint`, () => bin('publint', ['run', tarball, '--strict']));
  // An app is started, not imported: its types are nobody's.
  if (folder.startsWith('packages/')) {
    await checks.run(`${name}: are the types wrong`, () =>
      bin('attw', [tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii']),
    );
  }
}

for (const [short, limits] of Object.entries(ALONE)) {
  const pkg = byName.get(`@immiscible/${short}`);
  const folder = path.join(temporary, `alone-${short}`);
  const wanted = [pkg.name, ...installLine(`${pkg.folder}/README.md`)].map((name) => byName.get(name));
  const installed = await checks.run(`${pkg.name} alone: npm installs it`, () => install(wanted, folder));
  if (!installed) continue;
  await checks.run(`${pkg.name} alone: brings no device and stays small`, () => weigh(folder, limits));
  const others = alsoInstalled(`${pkg.folder}/README.md`);
  if (others.length > 0) {
    await checks.run(`${pkg.name} alone: npm installs what its other examples want`, () =>
      installOthers(pkg, others, folder),
    );
  }
  await runExamples(pkg, folder);
}

const rest = packages.filter(({ short }) => !ALONE[short]);
const together = path.join(temporary, 'together');
if (await checks.run('the others: npm installs them', () => install(rest, together))) {
  for (const pkg of rest) await runExamples(pkg, together);
  await checks.run('@immiscible/cli: the installed command starts', () =>
    execute(path.join(together, 'node_modules/.bin/immiscible'), ['--help'], { cwd: together }),
  );
}
checks.finish();

/** Packs all with pnpm, which turns workspace ranges into versions. */
async function packAll() {
  const { packageManager } = readJson('package.json');
  const filters = packages.map(({ name }) => `--filter=${name}`);
  const args = ['--yes', packageManager, ...filters, '--recursive', 'pack', '--pack-destination', temporary];
  await execute('npx', args, { cwd: root });
  for (const pkg of packages) {
    pkg.tarball = path.join(temporary, `immiscible-${pkg.short}-${pkg.manifest.version}.tgz`);
  }
}

async function lookInside(tarball) {
  const listed = await execute('tar', ['-tzf', tarball]);
  const inside = listed.split('\n').map((file) => file.replace('package/', ''));
  const wanted = ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts'];
  const missing = wanted.filter((file) => !inside.includes(file));
  const stray = inside.filter((file) => /^(src|test|golden|scripts)\/|\.test\.|\.tsbuildinfo$/.test(file));
  if (missing.length > 0) throw new Error(`missing: ${missing.join(', ')}`);
  if (stray.length > 0) throw new Error(`should not be published: ${stray.join(', ')}`);
}

/** Installs tarballs into a new folder, those of their workspace dependencies beside them. */
async function install(wanted, folder) {
  const needed = new Set();
  const visit = (pkg) => {
    needed.add(pkg);
    const names = Object.keys(pkg.manifest.dependencies ?? {}).filter((name) => byName.has(name));
    for (const name of names) visit(byName.get(name));
  };
  wanted.forEach(visit);
  mkdirSync(folder);
  const dependencies = Object.fromEntries([...needed].map((pkg) => [pkg.name, `file:${pkg.tarball}`]));
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies }),
  );
  await npmInstall(folder);
}

/** Adds packages of others, in the versions that `pkg` is developed with. */
async function installOthers(pkg, names, folder) {
  const versions = names.map(
    (name) => `${name}@${readJson(`${pkg.folder}/node_modules/${name}/package.json`).version}`,
  );
  await npmInstall(folder, versions);
}

async function npmInstall(folder, names = []) {
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock', '--prefer-offline'];
  await execute('npm', ['install', ...options, ...names], { cwd: folder, timeout: 600_000 });
}

/** Runs every ts example of the package's README in `folder`, where it is installed. */
async function runExamples(pkg, folder) {
  for (const { line, code } of readExamples(`${pkg.folder}/README.md`)) {
    await checks.run(`${pkg.name} installed: the README's example at line ${line}`, async () => {
      const script = path.join(folder, `${pkg.short}-line-${line}.mjs`);
      writeFileSync(script, toScript(code));
      const printed = await execute(process.execPath, [script], { cwd: folder });
      if (printed.trim() === '') throw new Error('it printed nothing');
    });
  }
}

function weigh(folder, { bytes, native }) {
  const modules = path.join(folder, 'node_modules');
  const files = readdirSync(modules, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
  const total = files.reduce((sum, file) => sum + statSync(file).size, 0);
  if (total > bytes) throw new Error(`${total} bytes are installed, at most ${bytes} are promised`);
  const binaries = files.filter((file) => /\.(node|so|dylib|dll)(\.|$)/.test(file));
  if (!native && binaries.length > 0) throw new Error(`native modules: ${binaries.join(', ')}`);
  const devices = DEVICES.filter((name) =>
    files.some((file) => file.startsWith(path.join(modules, name) + path.sep)),
  );
  if (devices.length > 0) throw new Error(`it installs ${devices.join(', ')}`);
}

function bin(name, args) {
  return execute(path.join(root, 'node_modules/.bin', name), args, { cwd: root });
}
