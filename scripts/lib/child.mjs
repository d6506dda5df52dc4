/** Runs a set-up tool to its end, quietly unless it fails; a signal that arrives meanwhile ends both. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { SetupError } from './errors.mjs';
import { readJson, root } from './workspace.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const onWindows = process.platform === 'win32';

/**
 * Runs pnpm of the pinned version, fetched by npx where it is not there yet, from the root of the workspace.
 *
 * All it prints goes to stderr, so that a program's own output can be piped: at once if `live`, else only when it fails.
 * Throws SetupError if it fails; `doing` says what it was for ("install the packages").
 */
export async function pnpm(args, { doing, live = false }) {
  const tool = readJson('package.json').packageManager;
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' };
  delete env.NODE_ENV; // "production" would leave out the tools that build
  const child = spawn('npx', ['--yes', tool, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', live ? 2 : 'pipe', live ? 2 : 'pipe'],
    shell: onWindows,
    detached: !onWindows, // a process group of its own: what it starts gets a signal too
  });

  const printed = [];
  child.stdout?.on('data', (chunk) => printed.push(chunk));
  child.stderr?.on('data', (chunk) => printed.push(chunk));

  let received;
  const forward = (signal) => {
    received = signal;
    if (onWindows) child.kill(signal);
    else process.kill(-child.pid, signal);
  };
  for (const signal of SIGNALS) process.on(signal, forward);
  const failure = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : (signal ?? `exit code ${code}`)));
  });
  for (const signal of SIGNALS) process.off(signal, forward);

  if (received) {
    process.kill(process.pid, received); // now without a handler: we end as the signal says
    await new Promise(() => setInterval(() => {}, 1000));
  }
  if (failure) {
    process.stderr.write(Buffer.concat(printed));
    throw new SetupError(`Could not ${doing}: ${tool} ${args.join(' ')} ended with ${failure}.`);
  }
}

/** Prints a line of progress and gives back a function that prints how long the step took. */
export function announce(text) {
  const started = performance.now();
  console.error(`${text} …`);
  return () => console.error(`${text}: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
