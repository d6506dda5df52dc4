/**
 * The commands of run.mjs: what each needs before it can run, and what then runs.
 *
 * The program runs inside this process, not in a child. A signal so reaches the program itself (which writes a checkpoint
 * on Ctrl-C) once for each time it is sent, its exit code is ours, and no process is left behind when ours is killed.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './build.mjs';
import { SetupError } from './errors.mjs';
import { ensureInstalled } from './install.mjs';
import { root } from './workspace.mjs';

/**
 * `build`: the app whose dist has to be current, with all that it depends on (tests run on sources). `main`: from the root
 * of the workspace.
 */
const COMMANDS = {
  start: {
    build: 'apps/cli',
    main: 'apps/cli/dist/main.js',
    args: ['compare', '--recipe', 'demo', '--continue'],
  },
  cli: { build: 'apps/cli', main: 'apps/cli/dist/main.js', args: [] },
  bench: { build: 'apps/bench', main: 'apps/bench/dist/main.js', args: [] },
  browser: { build: 'docs/browser', main: 'docs/browser/serve.mjs', args: [] },
  test: { build: undefined, main: 'node_modules/vitest/vitest.mjs', args: ['run'] },
};

/**
 * Sets up and runs a command of COMMANDS; `argv` is its name followed by the arguments for the program. Resolves when the
 * program's module has been evaluated; a set-up that fails prints why and sets exit code 1.
 */
export async function runCommand([name, ...args]) {
  try {
    const command = COMMANDS[name];
    if (!command) {
      throw new SetupError(`run.mjs: expected one of ${Object.keys(COMMANDS).join(', ')}, got ${name}.`);
    }
    await ensureInstalled();
    if (command.build) await ensureBuilt(command.build);
    const main = path.join(root, command.main);
    if (!existsSync(main)) throw new SetupError(`${command.main} is missing although the set-up succeeded.`);
    if (process.env.npm_lifecycle_event) endWithParent();
    process.argv = [process.execPath, main, ...command.args, ...args];
    await import(pathToFileURL(main).href);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/**
 * Ends the program as SIGTERM does (it saves first) when npm is gone: killed, it could not pass anything on, and a
 * training run that nobody sees would go on and write beside the one that is started next.
 */
function endWithParent() {
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  watch.unref();
}
