/**
 * Passes over all numbers of a batch, which would take longer than its distances where plain loops do them: in
 * WebAssembly SIMD (assembly/measure.ts), a piece at a time, with plain twins for engines without.
 */
import { type Metric, METRICS, pairCost } from './metric.ts';
import { measureWasm } from './wasm/measure.generated.ts';
import { ensureMemory, instantiateKernel, type Kernel } from './wasm/instantiate.ts';

/** Numbers that are in the kernel's memory at a time. */
const CHUNK = 1 << 16;

/** The exports of assembly/measure.ts; addresses in bytes. */
interface MeasureKernel extends Kernel {
  heapBase(): number;
  allFinite(at: number, count: number): number;
  pairCost(metric: number, a: number, b: number, dimensions: number): number;
  addMoments(at: number, count: number, shift: number, sums: number): void;
}

let kernel: MeasureKernel | undefined;

export function allFinite(data: Float32Array): boolean {
  kernel ??= instantiateKernel<MeasureKernel>(measureWasm);
  if (kernel === undefined) return data.every(Number.isFinite);
  const at = room(kernel, 4 * CHUNK);
  const memory = new Float32Array(kernel.memory.buffer, at, CHUNK);
  for (let from = 0; from < data.length; from += CHUNK) {
    const piece = data.subarray(from, from + CHUNK);
    memory.set(piece);
    memory.fill(0, piece.length, Math.min(CHUNK, piece.length + 3));
    if (kernel.allFinite(at, piece.length) === 0) return false;
  }
  return true;
}

/** Σ over i of the cost of row i of `a` with row `pairing[i]` of `b`, in float64; rows of `dimensions` numbers. */
export function sumPairCosts(
  metric: Metric,
  a: Float32Array,
  b: Float32Array,
  pairing: Int32Array,
  dimensions: number,
): number {
  kernel ??= instantiateKernel<MeasureKernel>(measureWasm);
  if (kernel === undefined) {
    return pairing.reduce(
      (sum, j, i) => sum + pairCost(metric, a, i * dimensions, b, j * dimensions, dimensions),
      0,
    );
  }
  const first = room(kernel, 8 * dimensions);
  const second = first + 4 * dimensions;
  const memory = new Float32Array(kernel.memory.buffer, first, 2 * dimensions);
  const code = METRICS.indexOf(metric);
  let sum = 0;
  for (let i = 0; i < pairing.length; i++) {
    memory.set(a.subarray(i * dimensions, (i + 1) * dimensions));
    memory.set(b.subarray(pairing[i]! * dimensions, (pairing[i]! + 1) * dimensions), dimensions);
    sum += kernel.pairCost(code, first, second, dimensions);
  }
  return sum;
}

/**
 * Costs of one image with each of its candidates, in float64.
 *
 * @param image [dimensions]
 * @param candidates [any, dimensions]
 */
export function candidateCosts(metric: Metric, image: Float32Array, candidates: Float32Array): Float64Array {
  const dimensions = image.length;
  const costs = new Float64Array(candidates.length / dimensions);
  kernel ??= instantiateKernel<MeasureKernel>(measureWasm);
  if (kernel === undefined) {
    return costs.map((_, c) => pairCost(metric, image, 0, candidates, c * dimensions, dimensions));
  }
  const first = room(kernel, 8 * dimensions);
  const second = first + 4 * dimensions;
  const memory = new Float32Array(kernel.memory.buffer, first, 2 * dimensions);
  const code = METRICS.indexOf(metric);
  memory.set(image);
  for (let c = 0; c < costs.length; c++) {
    memory.set(candidates.subarray(c * dimensions, (c + 1) * dimensions), dimensions);
    costs[c] = kernel.pairCost(code, first, second, dimensions);
  }
  return costs;
}

/** Mean and variance (around that mean, over the number of values) in float64. */
export function moments(values: Float32Array): { mean: number; variance: number } {
  // Around a value that is there, so that a mean far from 0 costs no digits.
  const shift = values[0] ?? 0;
  const [sum, squares] = sumsAround(values, shift);
  const mean = sum / values.length;
  return { mean: shift + mean, variance: Math.max(0, squares / values.length - mean * mean) };
}

/** Σ (value - shift) and Σ (value - shift)². */
function sumsAround(values: Float32Array, shift: number): [number, number] {
  kernel ??= instantiateKernel<MeasureKernel>(measureWasm);
  if (kernel === undefined) {
    let sum = 0;
    let squares = 0;
    for (const value of values) {
      sum += value - shift;
      squares += (value - shift) ** 2;
    }
    return [sum, squares];
  }
  const at = room(kernel, 4 * CHUNK + 16);
  const memory = new Float32Array(kernel.memory.buffer, at, CHUNK);
  const sums = new Float64Array(kernel.memory.buffer, at + 4 * CHUNK, 2);
  sums.fill(0);
  for (let from = 0; from < values.length; from += CHUNK) {
    const piece = values.subarray(from, from + CHUNK);
    memory.set(piece);
    kernel.addMoments(at, piece.length, shift, sums.byteOffset);
  }
  return [sums[0]!, sums[1]!];
}

/** Where so many bytes begin. */
function room(measureKernel: MeasureKernel, bytes: number): number {
  const at = 16 * Math.ceil(measureKernel.heapBase() / 16);
  ensureMemory(measureKernel, at + bytes);
  return at;
}
