/**
 * The look-ahead where there is no Node: a page has `Worker`, `Blob` and object URLs, a worker has `postMessage` and
 * `addEventListener`. Here they stand on Node's threads; what runs in them is the body that browsers get.
 */
import { resolveObjectURL } from 'node:buffer';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { streamNormal, streamUniform } from '@immiscible/random';
import { assignNoiseSync, lookAhead } from '../index.ts';

type Listener = (event: { data?: unknown; message?: string }) => void;

/** Runs a classic script as a worker's scope does: without `process`, `require` or anything else of Node's. */
const SCOPE = `
  const { parentPort, workerData } = require('node:worker_threads');
  globalThis.postMessage = (message, transfer) => parentPort.postMessage(message, transfer);
  globalThis.addEventListener = (type, listener) => parentPort.on(type, (data) => listener({ data }));
  delete globalThis.process;
  parentPort.once('message', (body) => (0, eval)(body));
`;

class PageWorker {
  readonly #thread = new Worker(SCOPE, { eval: true, execArgv: [] });
  readonly #started: Promise<void>;

  constructor(url: string) {
    this.#thread.unref();
    const script = resolveObjectURL(url);
    this.#started = (script?.text() ?? Promise.reject(new Error(`nothing at ${url}`))).then((body) =>
      this.#thread.postMessage(body),
    );
  }

  postMessage(message: unknown, transfer: ArrayBuffer[]): void {
    void this.#started.then(() => this.#thread.postMessage(message, transfer));
  }

  addEventListener(type: string, listener: Listener): void {
    this.#thread.on(type, (value: unknown) => {
      listener(type === 'error' ? { message: (value as Error).message } : { data: value });
    });
  }

  terminate(): void {
    void this.#thread.terminate();
  }
}

beforeEach(() => {
  // What a bundle for browsers leaves of `process`.
  vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: undefined } }));
});
afterEach(() => {
  vi.unstubAllGlobals();
});

const x0 = { data: streamUniform(1, 0, new Float32Array(8 * 20)), shape: [8, 20] };
const noise = streamNormal(1, 1, new Float32Array(8 * 20));

it('pairs in a Web Worker what assignNoise pairs, and brings errors back', async () => {
  vi.stubGlobal('Worker', PageWorker);
  const ahead = lookAhead({
    batches: [
      { x0, noise },
      { x0, noise: noise.map(() => NaN) },
    ],
  });
  expect((await ahead.next()).value?.noise).toEqual(assignNoiseSync(x0, noise).noise);
  await expect(ahead.next()).rejects.toMatchObject({ name: 'AssignmentError', code: 'not-finite' });
});

it('tells of a worker that cannot start, with what to do under a content security policy', async () => {
  class Blocked {
    readonly postMessage = vi.fn();
    readonly terminate = vi.fn();
    addEventListener(type: string, listener: Listener): void {
      if (type === 'error') setTimeout(() => listener({}), 1);
    }
  }
  vi.stubGlobal('Worker', Blocked);
  await expect(lookAhead({ batches: [{ x0, noise }] }).next()).rejects.toMatchObject({
    code: 'worker-failure',
    message: expect.stringMatching(/content security policy/) as string,
  });
});

it('says so where there are no workers at all', async () => {
  await expect(lookAhead({ batches: [{ x0, noise }] }).next()).rejects.toMatchObject({
    code: 'worker-failure',
    message: expect.stringMatching(/use assignNoise/) as string,
  });
});
