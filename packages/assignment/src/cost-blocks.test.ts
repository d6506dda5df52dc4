import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { expect, it, onTestFinished } from 'vitest';
import { type CostKernel, type CostMessage, runCostBlocks, serveCosts } from './cost-blocks.ts';
import { plainCost } from './cost-plain.ts';
import { distanceWasm } from './wasm/distance.generated.ts';
import { instantiateKernel } from './wasm/instantiate.ts';

const [rows, columns, dimensions] = [5, 7, 2];
const x0 = Float32Array.from({ length: rows * dimensions }, (_, e) => e);
const noise = Float32Array.from({ length: columns * dimensions }, (_, e) => 3 * e - 10);

/** Blocks of 2 × 2, those at the edges narrower. */
function smallBlocks(): CostMessage['job'] {
  const out = new Float32Array(new SharedArrayBuffer(4 * rows * columns));
  const progress = new Int32Array(new SharedArrayBuffer(8));
  return { x0, noise, out, rows, columns, dimensions, metric: 1, precise: 1, side: 2, progress };
}

const expected = plainCost(x0, noise, 'sqeuclidean', { rows, columns, dimensions });

it('every block is computed once, whoever takes it, and the last to leave knows that all are done', () => {
  const job = smallBlocks();
  job.progress[0] = 4; // somebody else has taken the first row of blocks and is still at it
  const kernel = instantiateKernel<CostKernel>(distanceWasm)!;
  expect(runCostBlocks(kernel, job)).toBe(false);
  expect(job.out.subarray(0, 2 * columns)).toEqual(new Float32Array(2 * columns));
  expect(job.out.subarray(2 * columns)).toEqual(expected.subarray(2 * columns));
  expect(runCostBlocks(kernel, smallBlocks())).toBe(true);
});

it('a thread answers every job: that it is done, or what went wrong', async () => {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  serveCosts(port2 as unknown as Parameters<typeof serveCosts>[0], () =>
    instantiateKernel<CostKernel>(distanceWasm)!,
  );
  const job = smallBlocks();
  port1.postMessage({ id: 7, module: {}, job } satisfies CostMessage);
  expect(await once(port1, 'message')).toEqual([{ id: 7, error: undefined }]);
  expect(new Float32Array(job.out)).toEqual(expected);
  port1.postMessage({ id: 8, module: {}, job: { ...smallBlocks(), side: 1e9 } } satisfies CostMessage);
  expect(await once(port1, 'message')).toEqual([
    { id: 8, error: expect.stringMatching(/memory/i) as string },
  ]);
});
