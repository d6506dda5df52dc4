/**
 * Ctrl-C: the first one asks the work to stop where it can be continued from, a second one ends the process.
 */
import { InterruptedError } from './errors.ts';
import { INTERRUPTED } from './exit-code.ts';
import { type Io, printLine } from './io.ts';

/** A second signal within this time is the same key press, passed on by npm or a shell. */
const SAME_PRESS_MS = 1000;

/**
 * Runs `work` with a signal that aborts at the first SIGINT or SIGTERM.
 *
 * @throws InterruptedError where `work` rejects after that; otherwise what `work` throws
 */
export async function interruptible<T>(io: Io, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let first: { readonly name: 'SIGINT' | 'SIGTERM'; readonly at: number } | undefined;
  const handle = (name: 'SIGINT' | 'SIGTERM') => (): void => {
    if (first === undefined) {
      first = { name, at: performance.now() };
      printLine(io.stderr, '\nstopping after this step… (once more to stop at once)');
      controller.abort(new InterruptedError(name));
    } else if (performance.now() - first.at > SAME_PRESS_MS) {
      io.exit(INTERRUPTED[name]);
    }
  };
  const handlers = { SIGINT: handle('SIGINT'), SIGTERM: handle('SIGTERM') };
  for (const [name, handler] of Object.entries(handlers)) io.interrupts.on(name, handler);
  try {
    return await work(controller.signal);
  } finally {
    for (const [name, handler] of Object.entries(handlers)) io.interrupts.off(name, handler);
  }
}
