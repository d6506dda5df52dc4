/**
 * A small pool of threads that compute blocks of costs beside the calling thread: Node's worker threads, Web Workers in
 * browsers. They are started when the first large matrix comes, wait for the next, and keep no process alive.
 *
 * Their program is a string of a few lines that needs no file and no import, so it starts from sources, from a bundle
 * and in a page alike; memory is shared, so nothing but a message travels.
 */
import type * as os from 'node:os';
import type * as workerThreads from 'node:worker_threads';
import { type CostAnswer, type CostMessage } from './cost-blocks.ts';
import { AssignmentError } from './errors.ts';
import { costProgram } from './wasm/cost-program.generated.ts';

/** More threads than this wait for memory. */
const USUAL_MOST = 8;

/** What Node's Worker and the Web's have in common, with the differences taken out. */
interface Thread {
  post(message: CostMessage): void;
  /** Whether the thread keeps the process alive. */
  hold(alive: boolean): void;
  terminate(): Promise<void>;
  /** What to do when a message comes, and when the thread is gone. */
  listen(answered: (answer: CostAnswer) => void, died: (reason: string) => void): void;
}

interface Seat {
  readonly thread: Thread;
  /** The job it is at. */
  pending: { resolve(): void; reject(error: Error): void } | undefined;
}

/** The part of a Web Worker that is used here: its types come with those of browsers only. */
interface WebWorker {
  onmessage: ((event: { data: CostAnswer }) => void) | null;
  onerror: ((event: { message?: string }) => void) | null;
  postMessage(message: CostMessage): void;
  terminate(): void;
}

interface Web {
  readonly Worker?: new (url: string) => WebWorker;
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

const web = globalThis as Web;
const seats = new Set<Seat>();

/** Whether several threads can work on one matrix. */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer === 'function' && (nodeThreads() !== undefined || web.Worker !== undefined);
}

/** Threads that compute unless an option says otherwise: as many as run at once, up to 8. */
export function usualThreads(): number {
  const node = nodeModule<typeof os>('node:os');
  return Math.min(USUAL_MOST, node?.availableParallelism() ?? web.navigator?.hardwareConcurrency ?? 1);
}

/**
 * Has threads and the caller work on one job.
 *
 * @param helpers threads beside the calling one; those that are busy with another job are left to it
 * @param here the caller's own part, run at once; it must do whatever the helpers have not taken
 * @throws AssignmentError `worker-failure` when a thread reports an error or ends
 */
export async function runOnThreads(message: CostMessage, helpers: number, here: () => void): Promise<void> {
  const free = [...seats].filter((seat) => seat.pending === undefined).slice(0, helpers);
  while (free.length < helpers && seats.size < helpers) free.push(open());
  const helped = Promise.all(free.map((seat) => work(seat, message)));
  helped.catch(() => undefined); // awaited below, unless the caller's own part throws first
  here();
  await helped;
}

/** Ends the threads, those that are at work included: their callers get an error. The next large matrix starts others. */
export async function closeThreads(): Promise<void> {
  const all = [...seats];
  seats.clear();
  await Promise.all(
    all.map((seat) => {
      lose(seat, 'it was closed');
      return seat.thread.terminate();
    }),
  );
}

function open(): Seat {
  const seat: Seat = { thread: nodeThread() ?? webThread(), pending: undefined };
  seat.thread.listen(
    ({ error }) => {
      if (error === undefined) settle(seat)?.resolve();
      else settle(seat)?.reject(failure(error));
    },
    (reason) => lose(seat, reason),
  );
  seat.thread.hold(false);
  seats.add(seat);
  return seat;
}

function work(seat: Seat, message: CostMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    seat.pending = { resolve, reject };
    seat.thread.hold(true);
    seat.thread.post(message);
  });
}

function lose(seat: Seat, reason: string): void {
  seats.delete(seat);
  settle(seat)?.reject(failure(reason));
}

function settle(seat: Seat): Seat['pending'] {
  const { pending } = seat;
  seat.pending = undefined;
  if (pending !== undefined) seat.thread.hold(false);
  return pending;
}

function failure(reason: string): AssignmentError {
  return new AssignmentError(
    'worker-failure',
    `pairwiseCostAsync: a thread must finish its part of the costs, but ${reason}; try again, or compute with ` +
      '{ threads: 1 }',
  );
}

/** One of Node's own modules, without an import that a browser's bundler would have to resolve. */
function nodeModule<T>(name: string): T | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.(name) as T | undefined;
}

function nodeThreads(): typeof workerThreads | undefined {
  return nodeModule('node:worker_threads');
}

function nodeThread(): Thread | undefined {
  const node = nodeThreads();
  if (node === undefined) return undefined;
  const worker = new node.Worker(costProgram, { eval: true, execArgv: [] });
  return {
    post: (message) => worker.postMessage(message),
    hold: (alive) => (alive ? worker.ref() : worker.unref()),
    terminate: async () => void (await worker.terminate()),
    listen: (answered, died) => {
      worker.on('message', answered);
      worker.on('error', (error) => died(`it failed: ${String(error)}`));
      worker.on('exit', (code) => died(`it ended with exit code ${code}`));
    },
  };
}

function webThread(): Thread {
  const { Worker } = web;
  if (Worker === undefined) throw failure('there are no workers');
  const url = URL.createObjectURL(new Blob([costProgram], { type: 'text/javascript' }));
  const worker = new Worker(url);
  return {
    post: (message) => worker.postMessage(message),
    hold: () => undefined, // a page ends when it is left
    terminate: async () => worker.terminate(),
    listen: (answered, died) => {
      worker.onmessage = ({ data }) => {
        URL.revokeObjectURL(url);
        answered(data);
      };
      worker.onerror = ({ message }) => died(`it failed: ${message ?? 'it could not be started'}`);
    },
  };
}
