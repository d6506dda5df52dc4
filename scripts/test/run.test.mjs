/** run.mjs as a person meets it: what it sets up and when, whose exit code comes back, and where a signal goes. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { after, before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { makeTinyWorkspace, run } from './tiny-workspace.mjs';

let workspace;
before(async () => {
  workspace = await makeTinyWorkspace();
});
after(() => workspace?.remove());

const start = (...args) => run(process.execPath, ['scripts/run.mjs', ...args], { cwd: workspace.folder });
const finish = (...args) => start(...args).end;

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a fresh clone is installed and built, and the program gets its arguments', async () => {
  const { code, stdout, stderr } = await finish('start', '--seed', '7');
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^arguments \["compare","--recipe","demo",.*"--seed","7"\]\n$/);
  assert.match(stderr, /Installing packages: done[^]*Building 1 packages: done/);
  assert.equal(workspace.builds(), 1);
});

test('with nothing to set up it says nothing of its own and starts no tool', async () => {
  const env = { ...process.env, PATH: '/nonexistent' };
  const { end } = run(process.execPath, ['scripts/run.mjs', 'cli', 'info'], { cwd: workspace.folder, env });
  assert.deepEqual(await end, { code: 0, signal: null, stdout: 'arguments ["info"]\n', stderr: '' });
});

test('a changed source is built again, a changed test is not', async () => {
  const before = workspace.builds();
  workspace.write('apps/cli/src/index.test.ts', '// a test');
  await finish('cli');
  assert.equal(workspace.builds(), before);
  workspace.write(
    'apps/cli/src/index.mjs',
    `${workspace.read('apps/cli/src/index.mjs')}\nconsole.log('new');`,
  );
  assert.match((await finish('cli')).stdout, /new/);
  assert.equal(workspace.builds(), before + 1);
});

test('what was built and then deleted comes back', async () => {
  rmSync(path.join(workspace.folder, 'apps/cli/dist'), { recursive: true });
  const { code, stdout } = await finish('cli', 'info');
  assert.equal(code, 0);
  assert.match(stdout, /arguments \["info"\]/);
});

test("the program's exit code comes back, through npm too", async () => {
  assert.equal((await finish('cli', 'exit', '3')).code, 3);
  const npm = run('npm', ['run', 'immiscible', '--', 'exit', '2'], { cwd: workspace.folder });
  assert.equal((await npm.end).code, 2);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`${signal} reaches the program once, and its own ending is waited for`, async () => {
    const { child, end, printed } = start('cli', 'wait');
    await printed('ready');
    child.kill(signal);
    const { code, stdout } = await end;
    assert.equal(code, 75);
    assert.deepEqual(stdout.split('\n').slice(-3), [`got ${signal}`, 'saved', '']);
    assert.equal(stdout.match(/got/g).length, 1);
  });

  test(`${signal} through npm is waited for too`, async () => {
    const { child, end, printed } = run('npm', ['run', 'immiscible', '--', 'wait'], {
      cwd: workspace.folder,
    });
    await printed('ready');
    child.kill(signal);
    const { code, stdout } = await end;
    assert.equal(code, 75);
    assert.match(stdout, /saved/);
  });
}

test('when npm is killed, the program ends as by SIGTERM', async () => {
  const { child, end, printed } = run('npm', ['run', 'immiscible', '--', 'wait'], { cwd: workspace.folder });
  await printed('ready');
  child.kill('SIGKILL');
  const { signal, stdout } = await end; // closes when the program, too, has closed its output
  assert.equal(signal, 'SIGKILL');
  assert.deepEqual(stdout.split('\n').slice(-3), ['got SIGTERM', 'saved', '']);
});

test('a program that handles no signal ends by it', async () => {
  const { child, end, printed } = start('cli', 'wait-bare');
  await printed('ready');
  child.kill('SIGTERM');
  assert.equal((await end).signal, 'SIGTERM');
});

test('a signal during the set-up ends all of it', { timeout: 60_000 }, async () => {
  workspace.write('builder.pid', '');
  workspace.write(
    'apps/cli/build.mjs',
    `import { writeFileSync } from 'node:fs';
     writeFileSync('../../builder.pid', String(process.pid));
     setInterval(() => {}, 1000);`,
  );
  const { child, end } = start('cli');
  while (workspace.read('builder.pid') === '') await setTimeout(50);
  child.kill('SIGTERM');
  const { code, signal } = await end;
  assert.deepEqual([code, signal], [null, 'SIGTERM']);
  while (isAlive(Number(workspace.read('builder.pid')))) await setTimeout(50);
});

test('a build that fails is shown, and the program does not run', async () => {
  workspace.write('apps/cli/build.mjs', `throw new Error('the build is broken');`);
  const { code, stdout, stderr } = await finish('cli');
  assert.equal(code, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /the build is broken[^]*Could not build the packages/);
});

test('a lockfile that does not fit is an error with its reason', async () => {
  const manifest = JSON.parse(workspace.read('package.json'));
  workspace.write('package.json', {
    ...manifest,
    devDependencies: { ...manifest.devDependencies, picocolors: '1.1.1' },
  });
  const { code, stderr } = await finish('cli');
  assert.equal(code, 1);
  assert.match(stderr, /ERR_PNPM_OUTDATED_LOCKFILE[^]*Could not install the packages/);
});

test('a Node that is too old is told so before anything else', async () => {
  const old = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'20.18.3'}})`;
  const { end } = run(process.execPath, ['--import', old, 'scripts/run.mjs', 'cli'], {
    cwd: workspace.folder,
  });
  const { code, stderr } = await end;
  assert.equal(code, 1);
  assert.match(stderr, /needs Node 20\.19 or newer; this is Node 20\.18\.3/);
});
