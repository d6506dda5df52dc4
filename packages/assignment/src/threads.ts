/**
 * A small pool of threads that compute blocks of costs beside the calling thread: Node's worker threads, Web Workers in
 * browsers. They are started when the first large matrix comes, wait for the next, and keep no process alive.
 *
 * Their program is a string of a few lines that needs no file and no import, so it starts from sources, from a bundle
 * and in a page alike; memory is shared, so nothing but a message travels.
 */
import { type CostAnswer, type CostMessage } from './cost-blocks.ts';
import { AssignmentError } from './errors.ts';
import { costProgram } from './wasm/cost-program.generated.ts';
import { startThread, type Thread, workerThreads } from './worker-thread.ts';

/** More threads than this wait for memory. */
const USUAL_MOST = 8;

/** A thread of the pool, and the job it is at. */
interface Seat {
  readonly thread: Thread;
  /** Whether it has been heard of. */
  answered: boolean;
  pending: Pending | undefined;
}

interface Pending {
  readonly id: number;
  resolve(): void;
  reject(error: Error): void;
}

/** Threads that end one after the other before they have answered once cannot be started here: no more are tried. */
const MOST_FAILED_STARTS = 3;

const seats = new Set<Seat>();
let jobs = 0;
let failedStarts = 0;

/** Whether several threads can work on one matrix. */
export function canShareMemory(): boolean {
  return typeof SharedArrayBuffer === 'function' && (workerThreads() !== undefined || 'Worker' in globalThis);
}

/** Threads that compute unless an option says otherwise: as many as run at once, up to 8. */
export function usualThreads(): number {
  const { process, navigator } = globalThis as {
    process?: Partial<NodeJS.Process>;
    navigator?: { readonly hardwareConcurrency?: number };
  };
  const node = process?.getBuiltinModule?.('node:os');
  return Math.min(USUAL_MOST, node?.availableParallelism() ?? navigator?.hardwareConcurrency ?? 1);
}

/**
 * Has threads and the caller work on one job.
 *
 * @param helpers threads beside the calling one; those that are busy with another job are left to it, and what cannot
 *   be started is done without
 * @param here the caller's own part, run at once; says whether all of the job is done, or helpers are still at it
 * @throws AssignmentError `worker-failure` when a thread reports an error or ends
 */
export async function runOnThreads(
  message: Omit<CostMessage, 'id'>,
  helpers: number,
  here: () => boolean,
): Promise<void> {
  const id = jobs++;
  const free = [...seats].filter((seat) => seat.pending === undefined).slice(0, helpers);
  while (free.length < helpers && seats.size < helpers && failedStarts < MOST_FAILED_STARTS) {
    const seat = open();
    if (seat !== undefined) free.push(seat);
  }
  const helped = Promise.all(free.map((seat) => work(seat, { ...message, id })));
  helped.catch(() => undefined); // of no interest when everything is done, or the caller's own part throws
  // Whoever has nothing left to do is free before it says so: a loop that never waits would not hear it.
  if (here()) free.forEach((seat) => settle(seat, id)?.resolve());
  else await helped;
}

/** Ends the threads, those that are at work included: their callers get an error. The next large matrix starts others. */
export async function closeThreads(): Promise<void> {
  const all = [...seats];
  seats.clear();
  await Promise.all(
    all.map((seat) => {
      lose(seat, 'it was closed');
      return seat.thread.close();
    }),
  );
}

/** A new thread, or nothing where it may not be started (a content security policy can forbid it). */
function open(): Seat | undefined {
  const events = {
    onMessage: (message: unknown): void => {
      const { id, error } = message as CostAnswer;
      seat.answered = true;
      failedStarts = 0;
      if (error === undefined) settle(seat, id)?.resolve();
      else settle(seat, id)?.reject(failure(error));
    },
    onDeath: (reason: string): void => {
      if (!seat.answered) failedStarts++;
      lose(seat, reason);
    },
  };
  let thread: Thread;
  try {
    thread = startThread(costProgram, 'immiscible costs', events);
  } catch {
    failedStarts++;
    return undefined;
  }
  const seat: Seat = { thread, answered: false, pending: undefined };
  seats.add(seat);
  return seat;
}

function work(seat: Seat, message: CostMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    seat.pending = { id: message.id, resolve, reject };
    seat.thread.hold(true);
    seat.thread.post(message, []);
  });
}

function lose(seat: Seat, reason: string): void {
  seats.delete(seat);
  settle(seat, seat.pending?.id)?.reject(failure(reason));
}

/** Ends a job of a seat. @returns who waits for it, unless that job is over already */
function settle(seat: Seat, id: number | undefined): Pending | undefined {
  const { pending } = seat;
  if (pending === undefined || pending.id !== id) return undefined;
  seat.pending = undefined;
  seat.thread.hold(false);
  return pending;
}

function failure(reason: string): AssignmentError {
  return new AssignmentError(
    'worker-failure',
    `pairwiseCostAsync: a thread must finish its part of the costs, but ${reason}; try again, or compute with ` +
      '{ threads: 1 }',
  );
}
