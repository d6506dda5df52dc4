/**
 * A worker thread behind one face, whether it is Node's (`node:worker_threads`) or the Web's (`Worker`).
 *
 * Node's module is asked for by name at run time, so that nothing here has to be resolved where there is no Node, and
 * the body comes as a string, so that no bundler has to know of a second file.
 */
import type * as WorkerThreads from 'node:worker_threads';
import { AssignmentError } from './errors.ts';

/** A worker that somebody else made: a Web Worker, or Node's. */
export interface ForeignWorker {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  terminate(): unknown;
}

/** What is told about a thread. */
export interface ThreadEvents {
  readonly onMessage: (message: unknown) => void;
  /** It will answer nothing more. Told once, and not for `close()`. */
  readonly onDeath: (reason: string) => void;
}

export interface Thread {
  /** @param transfer buffers that move to the thread */
  post(message: unknown, transfer: ArrayBuffer[]): void;
  /** Whether the thread keeps the process alive (in Node; at first it does not). */
  hold(alive: boolean): void;
  /** Ends it, whatever it is doing. */
  close(): Promise<void>;
}

/** As far as we use them. */
interface WebWorker extends ForeignWorker {
  addEventListener(type: string, listener: (event: { data?: unknown; message?: string }) => void): void;
}
interface NodeWorker extends ForeignWorker {
  on(type: string, listener: (value: unknown) => void): unknown;
  ref(): void;
  unref(): void;
}

/** `node:worker_threads` where there is Node; nothing in a browser. */
export function workerThreads(): typeof WorkerThreads | undefined {
  // A bundle for browsers may bring a `process` that has no such function.
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  return process?.getBuiltinModule?.('node:worker_threads');
}

/**
 * Starts a thread.
 *
 * @param body a classic script
 * @throws AssignmentError `worker-failure` where there are no threads
 */
export function startThread(body: string, name: string, events: ThreadEvents): Thread {
  const node = workerThreads();
  if (node) return adopt(new node.Worker(body, { eval: true, execArgv: [], name }), events);
  const { Worker } = globalThis as { Worker?: new (url: string, options: { name: string }) => WebWorker };
  if (!Worker) {
    throw new AssignmentError(
      'worker-failure',
      'there are no worker threads here (neither node:worker_threads nor Worker); use assignNoise',
    );
  }
  const url = URL.createObjectURL(new Blob([body], { type: 'text/javascript' }));
  const worker = new Worker(url, { name });
  const done = (): void => URL.revokeObjectURL(url);
  worker.addEventListener('message', done);
  worker.addEventListener('error', done);
  return adopt(worker, events);
}

/** The same face for a worker that is there already. */
export function adopt(worker: ForeignWorker, events: ThreadEvents): Thread {
  let over = false;
  const die = (reason: string): void => {
    if (over) return;
    over = true;
    events.onDeath(reason);
  };
  const thread = {
    post: (message: unknown, transfer: ArrayBuffer[]): void => worker.postMessage(message, transfer),
    close: async (): Promise<void> => {
      over = true;
      await worker.terminate();
    },
  };
  if (isNodeWorker(worker)) {
    worker.on('message', events.onMessage);
    worker.on('messageerror', (error) => die(`a message could not be read: ${textOf(error)}`));
    worker.on('error', (error) => die(textOf(error)));
    worker.on('exit', (code) => die(`it ended with exit code ${String(code)}`));
    worker.unref();
    return { ...thread, hold: (alive) => (alive ? worker.ref() : worker.unref()) };
  }
  if (!isWebWorker(worker)) {
    throw new AssignmentError(
      'invalid-option',
      'lookAhead: worker must return a Worker of the Web or of node:worker_threads',
    );
  }
  worker.addEventListener('message', ({ data }) => events.onMessage(data));
  worker.addEventListener('messageerror', () => die('a message could not be read'));
  worker.addEventListener('error', ({ message }) =>
    die(
      message ??
        "it could not start; where the page's content security policy forbids blob: workers, pass `worker`",
    ),
  );
  return { ...thread, hold: () => undefined };
}

function isNodeWorker(worker: ForeignWorker): worker is NodeWorker {
  return 'on' in worker && 'unref' in worker;
}

function isWebWorker(worker: ForeignWorker): worker is WebWorker {
  return 'addEventListener' in worker;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
