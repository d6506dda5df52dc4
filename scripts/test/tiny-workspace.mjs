/**
 * A workspace of one app, small enough to be installed and built for real in a test of run.mjs. It has this repository's
 * run.mjs, pnpm version and turbo.json; its app answers to what a test asks of it.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { readJson, root } from '../lib/workspace.mjs';

/** The app's build: copies the source, and leaves a line in a log so that a test can count builds. */
const BUILD = `
import { appendFileSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
appendFileSync('../../builds.log', 'built\\n');
if (readFileSync('src/index.mjs', 'utf8').includes('broken')) throw new Error('the source is broken');
mkdirSync('dist', { recursive: true });
cpSync('src/index.mjs', 'dist/main.js');
cpSync('src/index.mjs', 'dist/index.js');
`;

/** The app: prints what it got; "wait" waits for a signal and then saves for a while, as a training run does. */
const MAIN = `
console.log('arguments', JSON.stringify(process.argv.slice(2)));
const command = process.argv[2];
if (command === 'exit') process.exitCode = Number(process.argv[3]);
if (command === 'wait') {
  const alive = setInterval(() => {}, 1000);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      console.log('got', signal);
      setTimeout(() => {
        console.log('saved');
        process.exitCode = 75;
        clearInterval(alive);
      }, 300);
    });
  }
  console.log('ready');
}
if (command === 'wait-bare') {
  setInterval(() => {}, 1000);
  console.log('ready');
}
`;

/** Makes the workspace in a new folder; `remove()` deletes it. */
export async function makeTinyWorkspace() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'immiscible-run-'));
  const write = (file, content) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), typeof content === 'string' ? content : JSON.stringify(content));
  };
  for (const file of ['scripts/run.mjs', 'scripts/lib', 'turbo.json', '.npmrc', '.gitignore']) {
    cpSync(path.join(root, file), path.join(folder, file), { recursive: true });
  }
  const { packageManager, type, scripts } = readJson('package.json');
  const turbo = readJson('node_modules/turbo/package.json').version;
  write('package.json', {
    name: 'tiny',
    private: true,
    type,
    packageManager,
    scripts,
    devDependencies: { turbo },
  });
  write('pnpm-workspace.yaml', 'packages:\n  - apps/*\n');
  write('tsconfig.base.json', {});
  write('packages/README.md', 'Nothing here.');
  write('apps/cli/package.json', {
    name: '@immiscible/cli',
    type,
    bin: { immiscible: './dist/main.js' },
    scripts: { build: 'node build.mjs' },
  });
  write('apps/cli/build.mjs', BUILD);
  write('apps/cli/src/index.mjs', MAIN);
  const lock = await run('npx', ['--yes', packageManager, 'install', '--lockfile-only'], { cwd: folder }).end;
  if (lock.code !== 0) throw new Error(`no lockfile for the tiny workspace:\n${lock.stdout}${lock.stderr}`);
  return {
    folder,
    write,
    read: (file) => readFileSync(path.join(folder, file), 'utf8'),
    builds: () => readFileSync(path.join(folder, 'builds.log'), 'utf8').split('\n').length - 1,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/**
 * Starts a process without a terminal. `end` resolves to its code, signal, stdout and stderr; `printed(text)` resolves
 * once its stdout contains `text`, and rejects if it ends before.
 */
export function run(command, args, options) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
  const end = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const printed = (text) =>
    new Promise((resolve, reject) => {
      const look = () => stdout.includes(text) && resolve();
      child.stdout.on('data', look);
      look();
      void end.then(
        () => reject(new Error(`ended before it printed "${text}":\n${stdout}${stderr}`)),
        reject,
      );
    });
  return { child, end, printed };
}
