/**
 * The matrix of costs between images and noises, as a matrix product in blocks: never a [B, B, D] array. In WebAssembly
 * SIMD (assembly/distance.ts) on one thread or several, which give the same bits; in plain TypeScript elsewhere.
 */
import { type CostJob, type CostKernel, runCostBlocks } from './cost-blocks.ts';
import { plainCost } from './cost-plain.ts';
import { AssignmentError } from './errors.ts';
import { type Metric, METRICS } from './metric.ts';
import { canShareMemory, runOnThreads, usualThreads } from './threads.ts';
import { distanceWasm } from './wasm/distance.generated.ts';
import { instantiateKernel, kernelModule } from './wasm/instantiate.ts';

/** Sizes of a cost problem: `x0` is [rows, dimensions], `noise` is [columns, dimensions]. */
export interface CostShape {
  readonly rows: number;
  readonly columns: number;
  readonly dimensions: number;
}

/** Dimensions from which products are summed in short runs of float32; `dot` never is: no norm hides its rounding. */
const SINGLE_FROM = 512;
/** Rows and columns of a block, and the numbers that a slab of so many rows may have. */
const BLOCK_SIDE = 256;
const SMALLEST_SIDE = 64;
const SLAB_NUMBERS = 1 << 22;
/** Products of numbers that are worth another thread: a few milliseconds'. */
const PRODUCTS_PER_THREAD = 1 << 26;
/** Shared memory that is kept for the next call, because fresh memory takes longer than the copying: buffers, bytes. */
const MOST_SPARE = 2;
const SPARE_BYTES = 1 << 26;

const spare: SharedArrayBuffer[] = [];
let kernel: CostKernel | undefined;

/**
 * Costs between every image and every noise, on the calling thread.
 *
 * Accuracy: sums in float64, rounded to float32 once. From 512 dimensions on, `l1` and the squares of vectors that are
 * not near each other are summed in short runs of float32; the relative error stays below 1.5e-7 whatever the vectors.
 *
 * @param x0 [rows, dimensions]
 * @param noise [columns, dimensions]
 * @returns [rows, columns], float32; not finite where an input is not or where the cost leaves float32
 * @throws AssignmentError `invalid-size`
 */
export function pairwiseCost(
  x0: Float32Array,
  noise: Float32Array,
  metric: Metric,
  shape: CostShape,
): Float32Array {
  checkSizes(x0, noise, shape);
  kernel ??= instantiateKernel<CostKernel>(distanceWasm);
  if (kernel === undefined) return plainCost(x0, noise, metric, shape);
  const out = new Float32Array(shape.rows * shape.columns);
  runCostBlocks(kernel, describeJob(x0, noise, out, metric, shape, 1, new Int32Array(2)));
  return out;
}

/**
 * As {@link pairwiseCost}, with the same bits, on several threads: the calling one and workers that wait for the next
 * call. The inputs must stay as they are until the promise resolves. One thread computes where there is no SIMD, no
 * worker or no SharedArrayBuffer (a page that is not cross-origin isolated), and where more would not pay.
 *
 * @param options.threads how many may compute, the calling one included; default: as many as the processor runs at once, up to 8
 * @returns on shared memory if several threads wrote it
 * @throws AssignmentError `invalid-size`; `worker-failure` when a thread ends before it is done
 */
export async function pairwiseCostAsync(
  x0: Float32Array,
  noise: Float32Array,
  metric: Metric,
  shape: CostShape,
  { threads = usualThreads() }: { readonly threads?: number | undefined } = {},
): Promise<Float32Array> {
  checkSizes(x0, noise, shape);
  const products = shape.rows * shape.columns * shape.dimensions;
  const useful = Math.min(threads, Math.ceil(products / PRODUCTS_PER_THREAD));
  const module = kernelModule(distanceWasm);
  kernel ??= instantiateKernel<CostKernel>(distanceWasm);
  if (useful < 2 || module === undefined || kernel === undefined || !canShareMemory()) {
    return pairwiseCost(x0, noise, metric, shape);
  }
  const here = kernel;
  const out = new Float32Array(new SharedArrayBuffer(4 * shape.rows * shape.columns));
  const progress = new Int32Array(new SharedArrayBuffer(8));
  const [images, noises] = [share(x0), share(noise)];
  const job = describeJob(images, noises, out, metric, shape, useful, progress);
  await runOnThreads({ module, job }, useful - 1, () => runCostBlocks(here, job));
  if (images !== x0) keep(images);
  if (noises !== noise) keep(noises);
  return out;
}

function describeJob(
  x0: Float32Array,
  noise: Float32Array,
  out: Float32Array,
  metric: Metric,
  { rows, columns, dimensions }: CostShape,
  threads: number,
  progress: Int32Array,
): CostJob {
  const largest = Math.max(rows, columns);
  // Several blocks a thread, so that all are done at about the same time; one thread takes them as large as they pay.
  const wanted =
    threads === 1 ? BLOCK_SIDE : Math.min(BLOCK_SIDE, Math.max(SMALLEST_SIDE, largest / (2 * threads)));
  const side = 8 * Math.ceil(Math.max(1, Math.min(wanted, largest, SLAB_NUMBERS / dimensions)) / 8);
  const precise = metric === 'dot' || dimensions < SINGLE_FROM ? 1 : 0;
  return {
    x0,
    noise,
    out,
    rows,
    columns,
    dimensions,
    metric: METRICS.indexOf(metric),
    precise,
    side,
    progress,
  };
}

/** The array itself if it is on shared memory, or a copy that is. */
function share(data: Float32Array): Float32Array {
  if (data.buffer instanceof SharedArrayBuffer) return data;
  const at = spare.findIndex(({ byteLength }) => byteLength >= data.byteLength);
  const buffer = at < 0 ? new SharedArrayBuffer(data.byteLength) : spare.splice(at, 1)[0]!;
  const shared = new Float32Array(buffer, 0, data.length);
  shared.set(data);
  return shared;
}

/** Keeps the memory of a copy that nobody reads any more. */
function keep({ buffer }: Float32Array): void {
  if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength > SPARE_BYTES) return;
  spare.push(buffer);
  if (spare.length > MOST_SPARE) spare.shift();
}

function checkSizes(x0: Float32Array, noise: Float32Array, { rows, columns, dimensions }: CostShape): void {
  for (const [name, value] of Object.entries({ rows, columns, dimensions })) {
    if (!Number.isSafeInteger(value) || value < 1) {
      throw invalidSize(`${name} must be a whole number from 1 on, got ${value}`);
    }
  }
  for (const [name, side, data] of [
    ['x0', rows, x0],
    ['noise', columns, noise],
  ] as const) {
    if (data.length !== side * dimensions) {
      throw invalidSize(
        `${name} must hold ${side} × ${dimensions} numbers, as the shape says, got ${data.length}`,
      );
    }
  }
}

function invalidSize(what: string): AssignmentError {
  return new AssignmentError('invalid-size', `pairwiseCost: ${what}`);
}
