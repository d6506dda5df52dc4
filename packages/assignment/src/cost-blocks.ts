/**
 * The loop around the kernel of assembly/distance.ts: copies two slabs of rows into the kernel's memory, has their block
 * of the matrix computed, copies it out. Threads share one counter of blocks and take the next one when they are free.
 *
 * This file is also the program of the threads (scripts/build-wasm.mjs turns it into a string), so it may import
 * nothing but types.
 */
import { type Kernel } from './wasm/instantiate.ts';

/** The exports of assembly/distance.ts; addresses and sizes in bytes. */
export interface CostKernel extends Kernel {
  heapBase(): number;
  scratchBytes(rows: number, columns: number): number;
  costBlock(
    x0: number,
    rows: number,
    noise: number,
    columns: number,
    dimensions: number,
    metric: number,
    precise: number,
    out: number,
    scratch: number,
  ): void;
}

/** One matrix, to be computed by whoever has time. With several threads all arrays are on shared memory. */
export interface CostJob {
  readonly x0: Float32Array; // [rows, dimensions]
  readonly noise: Float32Array; // [columns, dimensions]
  readonly out: Float32Array; // [rows, columns]
  readonly rows: number;
  readonly columns: number;
  readonly dimensions: number;
  /** Its place in METRICS. */
  readonly metric: number;
  /** 1: float64 throughout. */
  readonly precise: number;
  /** Rows and columns of a block. */
  readonly side: number;
  /** [2] How many blocks have been taken, how many are done. */
  readonly progress: Int32Array;
}

/** Computes blocks until none is left to take. @returns whether all blocks are done, those of other threads too */
export function runCostBlocks(kernel: CostKernel, job: CostJob): boolean {
  const { x0, noise, out, rows, columns, dimensions, side, progress } = job;
  const across = Math.ceil(columns / side);
  const blocks = Math.ceil(rows / side) * across;
  const slab = 16 * Math.ceil((Math.min(side, Math.max(rows, columns)) * dimensions) / 4);
  const imagesAt = 16 * Math.ceil(kernel.heapBase() / 16);
  const noisesAt = imagesAt + slab;
  const costsAt = noisesAt + slab;
  const scratch = costsAt + 4 * side * side;
  const missing = scratch + kernel.scratchBytes(side, side) - kernel.memory.buffer.byteLength;
  if (missing > 0) kernel.memory.grow(Math.ceil(missing / 0x10000));
  const memory = new Float32Array(kernel.memory.buffer);

  let loaded = -1;
  for (let block = Atomics.add(progress, 0, 1); block < blocks; block = Atomics.add(progress, 0, 1)) {
    const i = Math.floor(block / across) * side;
    const j = (block % across) * side;
    const height = Math.min(side, rows - i);
    const width = Math.min(side, columns - j);
    if (loaded !== i) memory.set(x0.subarray(i * dimensions, (i + height) * dimensions), imagesAt / 4);
    loaded = i;
    memory.set(noise.subarray(j * dimensions, (j + width) * dimensions), noisesAt / 4);
    kernel.costBlock(
      imagesAt,
      height,
      noisesAt,
      width,
      dimensions,
      job.metric,
      job.precise,
      costsAt,
      scratch,
    );
    for (let r = 0, from = costsAt / 4; r < height; r++, from += width) {
      out.set(memory.subarray(from, from + width), (i + r) * columns + j);
    }
    Atomics.add(progress, 1, 1);
  }
  return Atomics.load(progress, 1) === blocks;
}

/** What a thread is sent. */
export interface CostMessage {
  readonly id: number;
  readonly module: object;
  readonly job: CostJob;
}

/** What a thread answers: nothing went wrong, or what did. */
export interface CostAnswer {
  readonly id: number;
  readonly error: string | undefined;
}

/** Where a thread hears and answers: Node's parentPort, or a Web Worker's global. */
interface Port {
  onmessage: ((event: { data: CostMessage }) => void) | null;
  postMessage(answer: CostAnswer): void;
}

/** A thread's life: makes its kernel when the first job comes, and answers once for each job. */
export function serveCosts(port: Port, instantiate: (module: object) => CostKernel): void {
  let kernel: CostKernel | undefined;
  port.onmessage = ({ data: { id, module, job } }) => {
    try {
      kernel ??= instantiate(module);
      runCostBlocks(kernel, job);
      port.postMessage({ id, error: undefined });
    } catch (error) {
      port.postMessage({ id, error: String(error) });
    }
  };
}
