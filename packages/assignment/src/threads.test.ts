import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { streamNormal } from '@immiscible/random';
import { bundleProgram } from '../test/bundle.ts';
import { pairwiseCost, pairwiseCostAsync } from './cost.ts';
import { assignNoise, assignNoiseSync } from './index.ts';
import { type CostJob, type CostMessage } from './cost-blocks.ts';
import { type Metric, METRICS } from './metric.ts';
import { closeThreads, runOnThreads } from './threads.ts';
import { distanceWasm } from './wasm/distance.generated.ts';
import { kernelModule } from './wasm/instantiate.ts';

/** Large enough for two threads, with edges: 403 and 419 divide by no block. */
const shape = { rows: 403, columns: 419, dimensions: 700 };
const x0 = streamNormal(1, 0, new Float32Array(403 * 700));
const noise = streamNormal(1, 1, new Float32Array(419 * 700));

afterEach(async () => {
  vi.unstubAllGlobals();
  await closeThreads();
});

/** All bits of a matrix, quickly compared. */
const bits = (cost: Float32Array): Buffer => Buffer.from(cost.slice().buffer);

/** The matrix of costs as a job in small blocks. */
function sharedJob(metric: Metric): CostJob {
  const share = (data: Float32Array): Float32Array => {
    const shared = new Float32Array(new SharedArrayBuffer(data.byteLength));
    shared.set(data);
    return shared;
  };
  const out = new Float32Array(new SharedArrayBuffer(4 * shape.rows * shape.columns));
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const kind = { metric: METRICS.indexOf(metric), precise: metric === 'dot' ? 1 : 0 };
  return { x0: share(x0), noise: share(noise), out, progress, side: 48, ...shape, ...kind };
}

/** A job that no thread finishes: its blocks have no rows. */
function endless(): Omit<CostMessage, 'id'> {
  const side = new Float32Array(new SharedArrayBuffer(16));
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const sizes = { rows: 2, columns: 2, dimensions: 2, metric: 0, precise: 0, side: 0 };
  return {
    module: kernelModule(distanceWasm)!,
    job: { x0: side, noise: side, out: side, progress, ...sizes },
  };
}

/** The threads that are started while the test runs. */
function watchWorkers(): Worker[] {
  const started: Worker[] = [];
  const watch = (worker: Worker): void => void started.push(worker);
  process.on('worker', watch);
  return started;
}

describe('threads', () => {
  it.each(METRICS)('give the bits of one thread, however many there are (%s)', async (metric) => {
    const alone = bits(pairwiseCost(x0, noise, metric, shape));
    for (const threads of [1, 2, 3]) {
      expect(bits(await pairwiseCostAsync(x0, noise, metric, shape, { threads })).equals(alone)).toBe(true);
      // The caller could have done it all while they started: have them do it without the caller.
      const job = sharedJob(metric);
      await runOnThreads({ module: kernelModule(distanceWasm)!, job }, threads, () => false);
      expect(bits(job.out).equals(alone)).toBe(true);
    }
  });

  it('are started once, and shared by calls at the same time', async () => {
    const started = watchWorkers();
    const alone = bits(pairwiseCost(x0, noise, 'l2', shape));
    for (let round = 0; round < 3; round++) {
      const both = await Promise.all(
        [1, 2].map(() => pairwiseCostAsync(x0, noise, 'l2', shape, { threads: 2 })),
      );
      for (const cost of both) expect(bits(cost).equals(alone)).toBe(true);
    }
    await new Promise(setImmediate);
    expect(started).toHaveLength(1);
  });

  it('help a loop that never waits for anything else', async () => {
    const job = sharedJob('l2');
    await runOnThreads({ module: kernelModule(distanceWasm)!, job }, 1, () => false); // started, and known to be
    for (let turn = 0; turn < 3; turn++) {
      const { progress, ...rest } = sharedJob('l2');
      const done = runOnThreads(
        { module: kernelModule(distanceWasm)!, job: { progress, ...rest } },
        1,
        () => {
          while (Atomics.load(progress, 1) < 81); // all of its blocks, 9 × 9: whoever waits here gets no message
          return true;
        },
      );
      await done;
    }
  });

  it('are left alone by a small matrix, and where memory cannot be shared', async () => {
    const started = watchWorkers();
    const small = { rows: 3, columns: 3, dimensions: 700 };
    await pairwiseCostAsync(x0.slice(0, 2100), noise.slice(0, 2100), 'l2', small, { threads: 3 });
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const unshared = await pairwiseCostAsync(x0, noise, 'l2', shape, { threads: 3 });
    expect(bits(unshared).equals(bits(pairwiseCost(x0, noise, 'l2', shape)))).toBe(true);
    expect(started).toEqual([]);
  });

  it('are done without where they cannot be started, and soon not tried any more', async () => {
    let tries = 0;
    vi.stubGlobal('process', undefined); // as in a page
    vi.stubGlobal(
      'Worker',
      class {
        constructor() {
          tries++;
          throw new DOMException('violates the content security policy', 'SecurityError');
        }
      },
    );
    vi.resetModules();
    const fresh = await import('./cost.ts');
    const alone = bits(pairwiseCost(x0, noise, 'l2', shape));
    for (let call = 0; call < 5; call++) {
      const cost = await fresh.pairwiseCostAsync(x0, noise, 'l2', shape, { threads: 2 });
      expect(bits(cost).equals(alone)).toBe(true);
    }
    expect(tries).toBe(3);
  });

  it('say so when one dies at work, and others take its place', async () => {
    const started = watchWorkers();
    const dying = runOnThreads(endless(), 1, () => false);
    await new Promise(setImmediate);
    await Promise.all([
      expect(dying).rejects.toThrow(
        /a thread must finish its part of the costs, but it ended with exit code \d; try again, or .*threads: 1/,
      ),
      expect(dying).rejects.toMatchObject({ code: 'worker-failure' }),
      started[0]!.terminate(),
    ]);
    const after = await pairwiseCostAsync(x0, noise, 'l2', shape, { threads: 2 });
    expect(bits(after).equals(bits(pairwiseCost(x0, noise, 'l2', shape)))).toBe(true);
    await new Promise(setImmediate);
    expect(started).toHaveLength(2);
  });

  it('pass on what went wrong in one of them, and the caller’s own error first', async () => {
    const { job } = endless();
    await expect(runOnThreads({ module: {}, job }, 1, () => false)).rejects.toThrow(
      /but TypeError: WebAssembly.Instance\(\)/,
    );
    const own = runOnThreads({ module: {}, job }, 1, () => {
      throw new RangeError('out of memory here');
    });
    await expect(own).rejects.toThrow('out of memory here');
  });

  it('end a call that is waiting when they are closed', async () => {
    const closed = expect(runOnThreads(endless(), 1, () => false)).rejects.toThrow(/but it was closed/);
    await closeThreads();
    await closed;
  });

  it('let their process end by itself, and keep it alive until they have answered', async () => {
    const program = await bundleProgram(`
      import { pairwiseCostAsync } from './src/cost.ts';
      const numbers = new Float32Array(512 * 512).fill(0.5);
      const shape = { rows: 512, columns: 512, dimensions: 512 };
      const costs = await pairwiseCostAsync(numbers, numbers, 'l1', shape, { threads: 2 });
      console.log(costs.buffer.constructor.name, costs.every((cost) => cost === 0));
    `);
    const { stdout } = await promisify(execFile)(process.execPath, [program], { timeout: 30_000 });
    expect(stdout).toBe('SharedArrayBuffer true\n');
  });

  it('are as many as an option says, and pair as one does', async () => {
    const started = watchWorkers();
    const [rows, images] = [403, x0];
    const drawn = noise.slice(0, x0.length);
    const alone = assignNoiseSync(images, drawn, { batch: rows });
    const three = await assignNoise(images, drawn, { batch: rows, threads: 3 });
    expect(three.pairing).toEqual(alone.pairing);
    expect(three.stats.solvedCost).toBe(alone.stats.solvedCost);
    await assignNoise(images, drawn, { batch: rows, threads: 1 });
    await new Promise(setImmediate);
    expect(started).toHaveLength(1); // the matrix is too small to be worth a third thread
    for (const threads of [0, 1.5, NaN]) {
      await expect(assignNoise(images, drawn, { batch: rows, threads })).rejects.toThrow(
        /threads must be a whole number from 1 on, got/,
      );
    }
  });
});
