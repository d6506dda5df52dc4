/**
 * What a command sees of the outside: two streams, the environment, interrupts. The process has one; tests and programs
 * that embed the commands bring their own.
 */
import { type EventEmitter } from 'node:events';
import pc from 'picocolors';

/** A stream that text is written to; `isTTY` says that somebody may be looking. */
export type TextStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

export interface Io {
  /** results */
  readonly stdout: TextStream;
  /** progress and errors */
  readonly stderr: TextStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** emits `SIGINT` and `SIGTERM` */
  readonly interrupts: EventEmitter;
  /** Ends the process at once: what a second interrupt asks for. */
  exit(code: number): void;
}

export type Colors = ReturnType<typeof pc.createColors>;

/** The process's own streams. */
export function processIo(): Io {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    interrupts: process,
    exit: (code) => process.exit(code),
  };
}

/** Colours for a stream: on a terminal, unless `NO_COLOR` is set (no-color.org); anywhere with `FORCE_COLOR`. */
export function colorsFor(stream: TextStream, env: Io['env']): Colors {
  const set = (name: string): boolean => (env[name] ?? '') !== '';
  return pc.createColors(!set('NO_COLOR') && (set('FORCE_COLOR') || stream.isTTY === true));
}

export function printLine(stream: TextStream, text = ''): void {
  stream.write(`${text}\n`);
}

/** One JSON value and nothing else; lists of numbers on one line. Typed arrays become arrays. */
export function printJson(stream: TextStream, value: unknown): void {
  const plain = (_: string, v: unknown): unknown => (ArrayBuffer.isView(v) ? Array.from(v as Int32Array) : v);
  const text = JSON.stringify(value, plain, 2);
  // A line break in JSON never stands in a string, so only the layout is touched.
  printLine(
    stream,
    text.replace(/\[\n\s+([^[\]{}]*?)\n\s+\]/g, (_, items: string) => `[${items.replace(/\n\s+/g, ' ')}]`),
  );
}

/** How this program is called where it runs: from a clone through npm, through npx, or by its own name. */
export function ownName(env: Io['env']): string {
  switch (env['npm_lifecycle_event']) {
    case 'start':
    case 'immiscible':
      return 'npm run immiscible --';
    case 'npx':
      return 'npx immiscible';
    case undefined:
    default:
      return 'immiscible';
  }
}
