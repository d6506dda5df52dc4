import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { streamNormal, streamUniform } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import { bundleChild } from '../../test/bundle.ts';
import { AssignmentError, assignNoiseSync, type AssignOptions, lookAhead, StoredSeeds } from '../index.ts';
import { workerBody } from './worker-body.ts';

const D = 48;

/** Image numbers `first` … `first + rows - 1`, in [-1, 1]. */
function images(first: number, rows: number, data = new Float32Array(rows * D)): Float32Array {
  for (let i = 0; i < rows; i++) streamUniform(1, first + i, data.subarray(i * D, (i + 1) * D));
  return data.map((value) => 2 * value - 1);
}

/** `count` batches of `rows` images with labels; `pulled` counts how many were taken, `over` whether it was ended. */
function source(count: number, rows = 8) {
  const state = { pulled: 0, over: false };
  async function* batches() {
    try {
      for (let b = 0; b < count; b++) {
        state.pulled++;
        await Promise.resolve();
        yield { x0: { data: images(b * rows, rows), shape: [rows, 3, 4, 4] }, label: b };
      }
    } finally {
      state.over = true;
    }
  }
  return { state, batches: batches() };
}

function drawn(seed: number, first: number, rows: number, perRow = 1): Float32Array {
  const noise = new Float32Array(rows * perRow * D);
  for (let i = 0; i < rows; i++) {
    streamNormal(seed, first + i, noise.subarray(i * perRow * D, (i + 1) * perRow * D));
  }
  return noise;
}

/** What comes out in the end instead of a value. */
async function failure(promise: Promise<unknown>): Promise<AssignmentError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof AssignmentError) return error;
  throw new Error(`expected an AssignmentError, got ${String(error)}`);
}

async function exhaust(batches: AsyncIterableIterator<unknown>): Promise<void> {
  while (!(await batches.next()).done);
}

describe('batches that were paired ahead', () => {
  it.each([
    ['linear', {}],
    ['linear', { precision: 'f16', metric: 'sqeuclidean' }],
    ['nearest', { k: 3, metric: 'dot' }],
    ['flipped', {}],
    ['identity', {}],
  ] satisfies [string, AssignOptions][])(
    'are bit for bit what assignNoise gives: %s %j',
    async (method, more) => {
      const assign = { method, ...more } as AssignOptions;
      const ahead = lookAhead({ batches: source(4).batches, noise: { seed: 7, stream: 100 }, assign });
      let b = 0;
      for await (const { noise, pairing, stats, shape, batch, x0 } of ahead) {
        const x = { data: images(8 * b, 8), shape: [8, 3, 4, 4] };
        const expected = assignNoiseSync(x, drawn(7, 100 + 8 * b, 8, assign.k), assign);
        expect(batch.label).toBe(b++);
        expect(noise).toEqual(expected.noise);
        expect(pairing).toEqual(expected.pairing);
        expect({ ...stats, milliseconds: 0 }).toEqual({ ...expected.stats, milliseconds: 0 });
        expect(shape).toEqual([8, 3, 4, 4]);
        expect(x0).toBe(batch.x0.data);
        expect(x0).toEqual(x.data);
      }
      expect(b).toBe(4);
    },
  );

  it('keep their order and count samples on, whatever sizes they come in and however deep the queue is', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 6 });
    const once = async (rows: number[], depth: number): Promise<void> => {
      const firsts = rows.map((_, b) => rows.slice(0, b).reduce((sum, n) => sum + n, 0));
      const batches = rows.map((n, b) => ({
        x0: images(firsts[b]!, n),
        assign: { batch: n },
      }));
      const ahead = lookAhead({ batches, noise: { seed: 3 }, depth });
      const came: Float32Array[] = [];
      for await (const { noise } of ahead) came.push(noise);
      const expected = rows.map(
        (n, b) => assignNoiseSync(images(firsts[b]!, n), drawn(3, firsts[b]!, n), { batch: n }).noise,
      );
      expect(came).toEqual(expected);
    };
    await fc.assert(fc.asyncProperty(sizes, fc.integer({ min: 1, max: 4 }), once), { numRuns: 8 });
  });

  it('use the noise, the streams and the options that a batch brings', async () => {
    const x0 = { data: images(0, 8), dims: [8, D] };
    const noise = drawn(5, 40, 8);
    const streams = [3, 1, 4, 15, 9, 2, 6, 5];
    const batches = [
      { x0, noise },
      { x0, noise: { seed: 5, streams } },
      { x0, noise, assign: { method: 'identity' } as const },
    ];
    const came = [];
    for await (const paired of lookAhead({ batches, assign: { metric: 'l1' } })) came.push(paired.noise);
    const named = Float32Array.from(streams.flatMap((s) => [...drawn(5, s, 1)]));
    expect(came[0]).toEqual(assignNoiseSync(x0, noise, { metric: 'l1' }).noise);
    expect(came[1]).toEqual(assignNoiseSync(x0, named, { metric: 'l1' }).noise);
    expect(came[2]).toEqual(noise);
    expect(noise).toEqual(drawn(5, 40, 8)); // copied, not moved
  });

  it('hold back the source: it is never asked for more than the batch in use and those on their way', async () => {
    for (const depth of [1, 3]) {
      const { state, batches } = source(12);
      const ahead = lookAhead({ batches, noise: { seed: 1 }, depth });
      expect(state.pulled).toBe(0); // nothing before the first next()
      for (let taken = 1; taken <= 12; taken++) {
        await ahead.next();
        await new Promise((resolve) => setTimeout(resolve, 5)); // time enough to take too many
        expect(state.pulled).toBeLessThanOrEqual(Math.min(12, taken + depth));
        expect(state.pulled).toBeGreaterThanOrEqual(Math.min(12, taken));
      }
      expect(await ahead.next()).toEqual({ done: true, value: undefined });
      expect(state).toEqual({ pulled: 12, over: true });
    }
  });
});

describe('memory', () => {
  it('is copied unless the caller gives it away', async () => {
    const { data: x0, shape } = { data: images(0, 8), shape: [8, D] };
    const whole = { data: x0, shape };
    const part = { data: images(0, 9).subarray(0, 8 * D), shape };
    const kept = lookAhead({ batches: [{ x0: whole }], noise: { seed: 1 } });
    expect((await kept.next()).value?.x0).toBe(x0);
    expect(x0).toHaveLength(8 * D);
    await kept.close();

    const moving = lookAhead({
      batches: [{ x0: whole }, { x0: part }, { x0: { data: images(0, 8), shape }, noise: drawn(1, 8, 8) }],
      noise: { seed: 1 },
      transfer: true,
    });
    const first = (await moving.next()).value;
    expect(first?.x0).toEqual(images(0, 8));
    expect(first?.batch.x0.data).toHaveLength(0); // it lives in what came back
    const second = (await moving.next()).value;
    expect(second?.x0).toBe(part.data); // a view of something larger stays where it is
    expect(part.data).toEqual(images(0, 8));
    const third = (await moving.next()).value;
    expect(third?.noise).toEqual(second?.noise);
    expect(third?.batch.noise).toHaveLength(0);
    await moving.close();
  });

  it('is shared where it is shared memory', async () => {
    const data = new Float32Array(new SharedArrayBuffer(8 * D * 4));
    data.set(images(0, 8));
    const noise = new Float32Array(new SharedArrayBuffer(8 * D * 4));
    noise.set(drawn(2, 0, 8));
    const batches = [{ x0: { data, shape: [8, D] }, noise }];
    const ahead = lookAhead({ batches, transfer: true });
    const { value } = await ahead.next();
    await ahead.close();
    expect(value?.x0).toBe(data);
    expect(value?.noise).toEqual(assignNoiseSync(images(0, 8), drawn(2, 0, 8), { batch: 8 }).noise);
    expect(noise).toEqual(drawn(2, 0, 8));
  });
});

describe('errors', () => {
  it('come with message and code at the place of their batch, and end the source', async () => {
    const { state, batches } = source(6);
    async function* spoilt() {
      for await (const batch of batches) {
        if (batch.label === 2) batch.x0.data[5] = NaN;
        yield batch;
      }
    }
    const ahead = lookAhead({ batches: spoilt(), noise: { seed: 1 } });
    expect((await ahead.next()).value?.batch.label).toBe(0);
    expect((await ahead.next()).value?.batch.label).toBe(1);
    const error = await failure(ahead.next());
    expect(error.code).toBe('not-finite');
    expect(error.message).toMatch(/x0 must be finite, got NaN in sample 0, element 5/);
    expect(await ahead.next()).toEqual({ done: true, value: undefined });
    await ahead.close();
    expect(state.over).toBe(true);
  });

  it('of the source come likewise', async () => {
    function* broken() {
      yield { x0: { data: images(0, 8), shape: [8, D] } };
      throw new RangeError('the disk is gone');
    }
    const ahead = lookAhead({ batches: broken(), noise: { seed: 1 } });
    expect((await ahead.next()).done).toBe(false);
    await expect(ahead.next()).rejects.toThrow(new RangeError('the disk is gone'));
    expect((await ahead.next()).done).toBe(true);
  });

  it('tell what cannot be paired', async () => {
    const x0 = { data: images(0, 8), shape: [8, D] };
    const one = async (options: object): Promise<AssignmentError> => {
      const ahead = lookAhead({ batches: [{ x0 }], noise: { seed: 1 }, ...options });
      return failure(ahead.next());
    };
    expect((await one({ noise: undefined })).message).toMatch(/no `noise: \{ seed \}`/);
    expect((await one({ batches: [{ x0: x0.data }] })).code).toBe('invalid-size');
    expect((await one({ batches: [{ x0: null }] })).code).toBe('invalid-size');
    expect((await one({ assign: { metric: 'cosine' } })).code).toBe('invalid-option');
    expect((await one({ noise: { seed: -1 } })).code).toBe('invalid-option');
    const hook = { metric: 'l2', computeCost: () => new Float32Array(64) } as const;
    expect((await one({ batches: [{ x0, assign: hook }] })).message).toMatch(/another thread/);
    expect(() => lookAhead({ batches: [], assign: hook })).toThrow(/another thread/);
    expect(() => lookAhead({ batches: [], depth: 0 })).toThrow(
      /depth must be a whole number from 1 on, got 0/,
    );
    expect((await one({ worker: () => ({ postMessage: () => 0, terminate: () => 0 }) })).code).toBe(
      'invalid-option',
    );
  });
});

describe('a worker that dies', () => {
  it('gives what it had paired, then an error that says so, at once and to everybody who waits', async () => {
    let worker: Worker | undefined;
    const { state, batches } = source(9);
    const ahead = lookAhead({
      batches,
      noise: { seed: 1 },
      worker: () => (worker = new Worker(workerBody(), { eval: true, execArgv: [] })),
    });
    expect((await ahead.next()).done).toBe(false);
    await worker?.terminate();
    const rest = [];
    let error: unknown;
    for (;;) {
      const result = await ahead.next().catch((thrown: unknown) => (error = thrown));
      if (error !== undefined) break;
      rest.push(result);
    }
    expect(rest.length).toBeLessThanOrEqual(2); // those that were ahead
    expect(error).toBeInstanceOf(AssignmentError);
    expect(error).toMatchObject({
      code: 'worker-failure',
      message: expect.stringMatching(/exit code 1/) as string,
    });
    expect((await ahead.next()).done).toBe(true);
    expect(state.over).toBe(true);
  });

  it.each([
    ['process.exit(3)', /exit code 3/],
    ["throw new Error('out of luck')", /out of luck/],
    [
      "setTimeout(() => process.exit(5), 50); require('worker_threads').parentPort.on('message', () => {})",
      /exit code 5/,
    ],
  ])('while it starts or works: %s', async (body, reason) => {
    const worker = (): Worker => new Worker(body, { eval: true, execArgv: [] });
    const ahead = lookAhead({ batches: source(3).batches, noise: { seed: 1 }, worker });
    for (const error of await Promise.all([failure(ahead.next()), failure(ahead.next())])) {
      expect(error.code).toBe('worker-failure');
      expect(error.message).toMatch(reason);
    }
    expect((await ahead.next()).done).toBe(true);
  });
});

describe('the end', () => {
  it('comes by close, also while somebody waits, and twice does no harm', async () => {
    const { state, batches } = source(5);
    const ahead = lookAhead({ batches, noise: { seed: 1 } });
    await ahead.next();
    const waiting = ahead.next();
    const closed = ahead.close();
    expect((await waiting).done).toBe(true);
    await closed;
    await ahead.close();
    expect((await ahead.next()).done).toBe(true);
    expect(state.over).toBe(true);
  });

  it('does not wait for a source that never gives its next batch', async () => {
    const ended: string[] = [];
    const batches = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: () => (ended.push('told'), new Promise<never>(() => undefined)),
      }),
    };
    const ahead = lookAhead({ batches, noise: { seed: 1 } });
    const waiting = ahead.next();
    await Promise.resolve();
    await ahead.close();
    expect(ended).toEqual(['told']);
    expect((await waiting).done).toBe(true);
  });

  it('comes by leaving a loop, and stops the worker', async () => {
    let ended: Promise<unknown> | undefined;
    const worker = (): Worker => {
      const made = new Worker(workerBody(), { eval: true, execArgv: [] });
      ended = new Promise((resolve) => made.on('exit', resolve));
      return made;
    };
    const { state, batches } = source(50);
    for await (const { batch } of lookAhead({ batches, noise: { seed: 1 }, worker })) {
      if (batch.label === 1) break;
    }
    await ended;
    expect(state.over).toBe(true);
  });

  it('lets the process end by itself, closed or forgotten, and never before a batch that is awaited', async () => {
    const program = await bundleChild('loop');
    for (const [how, count] of [
      ['forgotten', 3],
      ['broken', 3],
      ['whole', 9],
    ] as const) {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [program, how], {
        timeout: 30_000,
      });
      expect(`${stdout}${stderr}`.trim()).toBe(`${how} ${count}`);
    }
  });
});

describe('stored seeds', () => {
  const SIZE = 32;
  const data = images(0, SIZE);
  /** Two epochs of batches of eight, each epoch in an order of its own. */
  const visits = Array.from({ length: 8 }, (_, b) => {
    const indices = Array.from({ length: 8 }, (_, i) => ((8 * b + i) * (b < 4 ? 1 : 5)) % SIZE);
    const rows = Float32Array.from(
      indices.flatMap((index) => [...data.subarray(index * D, (index + 1) * D)]),
    );
    return { x0: { data: rows, shape: [8, D] }, indices, cache: b % 2 };
  });
  const fresh = (): StoredSeeds => new StoredSeeds({ size: SIZE, seed: 5, firstStream: 70, caches: 2 });

  it('are swapped ahead as they are at once, and stand where the batches that were taken stand', async () => {
    const [ahead, atOnce] = [fresh(), fresh()];
    const paired = lookAhead({ batches: visits, seeds: ahead, assign: { metric: 'sqeuclidean' } });
    let moved = 0;
    for (const { x0, indices, cache } of visits) {
      const expected = await atOnce.assign(indices, x0, { metric: 'sqeuclidean', cache });
      const { value } = await paired.next();
      expect(value?.noise).toEqual(expected.noise);
      expect(value?.change).toEqual(expected.change);
      expect(ahead.state()).toEqual(atOnce.state()); // though the worker is two batches further
      moved += expected.pairing.filter((row, i) => row !== i).length;
    }
    expect(moved).toBeGreaterThan(20);
    await paired.close();
  });

  it('go on from a state in the middle', async () => {
    const whole = fresh();
    await exhaust(lookAhead({ batches: visits, seeds: whole }));
    const first = fresh();
    const begun = lookAhead({ batches: visits, seeds: first });
    for (let taken = 0; taken < 3; taken++) await begun.next();
    await begun.close();
    const rest = StoredSeeds.restore(first.state());
    await exhaust(lookAhead({ batches: visits.slice(3), seeds: rest }));
    expect(rest.state()).toEqual(whole.state());
  });

  it('want to know which data a batch has, each once', async () => {
    const [visit] = visits;
    const { x0 } = visit!;
    const none = lookAhead({ batches: [{ x0 }], seeds: fresh() });
    expect((await failure(none.next())).message).toMatch(/give it `indices`/);
    const twice = lookAhead({ batches: [{ x0, indices: new Array<number>(8).fill(3) }], seeds: fresh() });
    expect((await failure(twice.next())).message).toMatch(/twice in the batch/);
  });
});
