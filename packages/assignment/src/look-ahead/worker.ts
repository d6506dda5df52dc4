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
import { packError, type PairAnswer, type PairRequest, type Sent } from './messages.ts';
import { workerThreads } from '../worker-thread.ts';

/** The end of the line on this side. */
interface Port {
  post(answer: PairAnswer, transfer: ArrayBuffer[]): void;
  listen(onRequest: (request: PairRequest) => void): void;
}

function openPort(): Port {
  const parent = workerThreads()?.parentPort;
  if (parent) {
    return {
      post: (answer, transfer) => parent.postMessage(answer, transfer),
      listen: (onRequest) => void parent.on('message', onRequest),
    };
  }
  const scope = globalThis as unknown as {
    readonly document?: unknown;
    postMessage?(answer: PairAnswer, transfer: ArrayBuffer[]): void;
    addEventListener?(type: 'message', listener: (event: { readonly data: PairRequest }) => void): void;
  };
  if (!scope.postMessage || !scope.addEventListener || scope.document !== undefined) {
    throw new AssignmentError(
      'worker-failure',
      '@immiscible/assignment/worker: this module is the body of a worker; start one with it, do not import it elsewhere',
    );
  }
  return {
    post: (answer, transfer) => scope.postMessage?.(answer, transfer),
    listen: (onRequest) => scope.addEventListener?.('message', ({ data }) => onRequest(data)),
  };
}

const samplesOf = ({ data, shape }: Sent): Samples => (shape ? { data, shape } : data);

async function answer({ id, x0, moved, noise, options }: PairRequest, port: Port): Promise<void> {
  const began = performance.now();
  try {
    const drawn = isNoiseStreams(noise) ? noise : samplesOf(noise);
    // One thread: the other cores are the step's.
    const assigned = await assignNoise(samplesOf(x0), drawn, { threads: 1, ...options });
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
port.listen((request) => {
  last = last.then(() => answer(request, port)); // in the order in which they came, one at a time
});
