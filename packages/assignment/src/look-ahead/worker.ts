/**
 * The look-ahead's other side: a worker that draws noise, computes costs and solves, one batch after the other.
 *
 * It runs in Node's worker threads and in Web Workers. Importing this module anywhere else is an error, because it
 * would answer messages that are not for it.
 */
import { assignNoise } from '../assign-noise.ts';
import { AssignmentError } from '../errors.ts';
import { isNoiseStreams } from '../noise-streams.ts';
import { type Samples } from '../inputs.ts';
import { StoredSeeds } from '../stored-seeds.ts';
import {
  packError,
  type PairAnswer,
  type PairRequest,
  type Paired,
  type Seeded,
  type SeedsMessage,
  type Sent,
} from './messages.ts';
import { workerThreads } from '../worker-thread.ts';

/** The end of the line on this side. */
interface Port {
  post(answer: PairAnswer, transfer: ArrayBuffer[]): void;
  listen(onMessage: (message: PairRequest | SeedsMessage) => void): void;
}

function openPort(): Port {
  const parent = workerThreads()?.parentPort;
  if (parent) {
    return {
      post: (answer, transfer) => parent.postMessage(answer, transfer),
      listen: (onMessage) => void parent.on('message', onMessage),
    };
  }
  const scope = globalThis as unknown as {
    readonly document?: unknown;
    postMessage?(answer: PairAnswer, transfer: ArrayBuffer[]): void;
    addEventListener?(
      type: 'message',
      listener: (event: { readonly data: PairRequest | SeedsMessage }) => void,
    ): void;
  };
  if (!scope.postMessage || !scope.addEventListener || scope.document !== undefined) {
    throw new AssignmentError(
      'worker-failure',
      '@immiscible/assignment/worker: this module is the body of a worker; start one with it, do not import it elsewhere',
    );
  }
  return {
    post: (answer, transfer) => scope.postMessage?.(answer, transfer),
    listen: (onMessage) => scope.addEventListener?.('message', ({ data }) => onMessage(data)),
  };
}

const samplesOf = ({ data, shape }: Sent): Samples => (shape ? { data, shape } : data);

let seeds: StoredSeeds | undefined;

function pair({ x0, noise, options }: PairRequest): Promise<Paired['assigned']> {
  const own = { threads: 1, ...options }; // one thread: the other cores are the step's
  if (!isSeeded(noise)) {
    return assignNoise(samplesOf(x0), isNoiseStreams(noise) ? noise : samplesOf(noise), own);
  }
  if (!seeds) throw new Error('the seeds come before the first batch');
  return seeds.assign(noise.indices, samplesOf(x0), { ...own, cache: noise.cache });
}

function isSeeded(noise: PairRequest['noise']): noise is Seeded {
  return 'indices' in noise;
}

async function answer(request: PairRequest, port: Port): Promise<void> {
  const { id, x0, moved } = request;
  const began = performance.now();
  try {
    const assigned = await pair(request);
    const transfer = [assigned.noise.buffer, assigned.pairing.buffer, ...(moved ? [x0.data.buffer] : [])];
    const milliseconds = performance.now() - began;
    port.post(
      { id, paired: { assigned, milliseconds, ...(moved ? { x0: x0.data } : {}) } },
      transfer as ArrayBuffer[],
    );
  } catch (error) {
    port.post({ id, failed: packError(error) }, []);
  }
}

const port = openPort();
let last = Promise.resolve();
port.listen((message) => {
  if ('seeds' in message) seeds = StoredSeeds.restore(message.seeds);
  else last = last.then(() => answer(message, port)); // in the order in which they came, one at a time
});
