/** Times what comes before solving: the matrix of distances, on one thread and on all, and its rounding to float16. */
import { pairwiseCost, pairwiseCostAsync, scaleToFloat16 } from '@immiscible/assignment';
import { type Device } from '@immiscible/tensor-core';
import { type VectorProblem } from './assignment-families.ts';
import { median } from './median.ts';
import { type KernelCase } from './kernels-cases.ts';
import { prepareOurs } from './kernels-ours.ts';

/** What both sides are multiplied by before a float16 distance, as the paper's authors do. */
const SCALE = Math.fround(0.1);

/** Whatever takes longer, in milliseconds, is timed once. */
const SLOW = 2000;

/** Medians in milliseconds. */
export interface CostTimes {
  readonly oneThread: number;
  readonly allThreads: number;
  /** ONNX Runtime's product of matrices of the same sizes on all threads, the part that distances share with it; null without it */
  readonly matmul: number | null;
  /** null where costs stay float32 */
  readonly quantise: number | null;
}

export interface Costs {
  readonly times: CostTimes;
  /** [size, size] what is solved */
  readonly cost: Float32Array;
  /** [size, size] distances, never rounded to float16 */
  readonly distances: Float32Array;
}

export interface ComputeCostsOptions {
  readonly repeats: number;
  /** Computes the product of matrices to compare with. */
  readonly device: Device | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Computes the costs of a problem, each part once untimed and then in turns. */
export async function computeCosts(
  problem: VectorProblem,
  { repeats, device, signal }: ComputeCostsOptions,
): Promise<Costs> {
  const { size, dimensions, noise, x0, float16 } = problem;
  const shape = { rows: size, columns: size, dimensions };
  let distances: Float32Array = new Float32Array();
  const parts: Part[] = [
    { name: 'oneThread', run: () => (distances = pairwiseCost(x0, noise, 'l2', shape)) },
    { name: 'allThreads', run: () => pairwiseCostAsync(x0, noise, 'l2', shape) },
  ];
  const product = device && (await prepareOurs(device, matmulCase(size, dimensions)));
  if (product) parts.push({ name: 'matmul', run: () => product.run(1) });
  const half = float16 ? halfSides(x0, noise) : undefined;
  // The distances of rounded sides, which take as long as those of others.
  const scaled = half && pairwiseCost(half.x0, half.noise, 'l2', shape);
  const rounded = scaled && new Float32Array(scaled.length);
  if (half && scaled && rounded) {
    parts.push({
      name: 'quantise',
      run() {
        halfSides(x0, noise, half);
        scaleToFloat16(scaled, 1, rounded);
      },
    });
  }
  try {
    const times = await timeInTurns(parts, repeats, signal);
    const { oneThread = NaN, allThreads = NaN, matmul = null, quantise = null } = times;
    return { times: { oneThread, allThreads, matmul, quantise }, cost: rounded ?? distances, distances };
  } finally {
    await product?.close();
  }
}

interface Part {
  readonly name: keyof CostTimes;
  readonly run: () => unknown;
}

async function timeInTurns(
  parts: readonly Part[],
  repeats: number,
  signal: AbortSignal | undefined,
): Promise<Partial<Record<keyof CostTimes, number>>> {
  const timed = async ({ run }: Part): Promise<number> => {
    signal?.throwIfAborted();
    const start = performance.now();
    await run();
    const milliseconds = performance.now() - start;
    await new Promise(setImmediate); // so that an interrupt is heard
    return milliseconds;
  };
  const times = new Map<Part, number[]>();
  const quick: Part[] = [];
  for (const part of parts) {
    const first = await timed(part);
    times.set(part, first > SLOW ? [first] : []);
    if (first <= SLOW) quick.push(part);
  }
  for (let round = 0; round < repeats; round++) {
    for (const part of quick) times.get(part)?.push(await timed(part));
  }
  return Object.fromEntries([...times].map(([{ name }, values]) => [name, median(values)]));
}

function matmulCase(size: number, dimensions: number): KernelCase {
  return { name: 'distances', op: 'matmul', m: size, n: size, k: dimensions };
}

interface Sides {
  readonly x0: Float32Array;
  readonly noise: Float32Array;
}

/** Both sides rounded to float16, scaled and rounded again. */
function halfSides(
  x0: Float32Array,
  noise: Float32Array,
  out: Sides = { x0: new Float32Array(x0.length), noise: new Float32Array(noise.length) },
): Sides {
  scaleToFloat16(x0, SCALE, out.x0, 'rounded');
  scaleToFloat16(noise, SCALE, out.noise, 'rounded');
  return out;
}
