/** How a product is cut into tiles, and which cut a shape gets untuned. */
import { type Capabilities } from '../kernel.ts';
import { ceilDiv } from './tiles.ts';

export interface Tiling {
  readonly name: string;
  /** A workgroup's tile, rows by columns, and the k of a slice. */
  readonly bm: number;
  readonly bn: number;
  readonly bk: number;
  /** An invocation's block, multiples of 4. */
  readonly tm: number;
  readonly tn: number;
  /** Steps of k that are written out in the code; the rest is a loop. */
  readonly unroll: number;
  /** Slices in workgroup memory: with 2, one is written while the other is read. */
  readonly buffers: 1 | 2;
  /** k is cut in this many parts, added by a second kernel. */
  readonly parts: number;
}

/** `batches` products of m·k by k·n. */
export interface ProductShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batches: number;
}

type Cut = Omit<Tiling, 'name' | 'parts' | 'unroll'>;

/** Large to small; 16 rows where the product is flat. */
const CUTS: readonly Cut[] = [
  { bm: 128, bn: 128, bk: 8, tm: 8, tn: 8, buffers: 2 },
  { bm: 128, bn: 128, bk: 16, tm: 8, tn: 8, buffers: 1 },
  { bm: 64, bn: 128, bk: 8, tm: 8, tn: 8, buffers: 2 },
  { bm: 64, bn: 128, bk: 16, tm: 8, tn: 4, buffers: 1 },
  { bm: 64, bn: 64, bk: 16, tm: 8, tn: 4, buffers: 1 },
  { bm: 64, bn: 64, bk: 16, tm: 4, tn: 4, buffers: 2 },
  { bm: 32, bn: 64, bk: 16, tm: 4, tn: 4, buffers: 1 },
  { bm: 32, bn: 32, bk: 16, tm: 4, tn: 4, buffers: 1 },
  { bm: 16, bn: 64, bk: 16, tm: 4, tn: 4, buffers: 1 },
];

/** Workgroups that keep a large GPU busy all at once, two for each of 132 cores; a small one loses little by as many. */
const BUSY = 264;

/** Parts of k are at least this long. */
const SHORTEST_PART = 128;

/** Steps in which reads of one step hide behind the products of another; more costs time to compile. */
const UNROLL = 4;

/** Tilings that are worth a measurement. */
const CANDIDATES = 8;
const LOOPED_CANDIDATES = 3;

/** Workgroup memory that a tiling needs, in bytes. */
function memoryOf({ bm, bn, bk, buffers }: Cut): number {
  return buffers * bk * (bm + 4 + bn + 4) * 4;
}

/**
 * Tilings for a shape, the sane one first: the largest tile that keeps the device busy and is not mostly empty. Those
 * that unroll nothing come last: compilers that do so by themselves may do it better.
 */
export function tilingsFor(
  shape: ProductShape,
  { workgroupMemory, workgroupInvocations }: Capabilities,
): Tiling[] {
  const unrolled: (Tiling & { readonly cost: number })[] = [];
  for (const cut of CUTS) {
    const invocations = (cut.bm / cut.tm) * (cut.bn / cut.tn);
    if (memoryOf(cut) > workgroupMemory || invocations > workgroupInvocations) continue;
    const name = `${cut.bm}x${cut.bn}x${cut.bk}${cut.buffers === 2 ? ' double' : ''}`;
    const tiles = ceilDiv(shape.m, cut.bm) * ceilDiv(shape.n, cut.bn) * shape.batches;
    const most = Math.min(Math.floor(BUSY / tiles), Math.floor(shape.k / SHORTEST_PART));
    for (const parts of most > 1 ? [1, most] : [1]) {
      const cost = costOf(cut, shape, parts);
      unrolled.push({
        ...cut,
        name: parts === 1 ? name : `${name} in ${parts}`,
        parts,
        cost,
        unroll: UNROLL,
      });
    }
  }
  const best = unrolled.sort((a, b) => a.cost - b.cost).slice(0, CANDIDATES);
  const looped = best
    .slice(0, LOOPED_CANDIDATES)
    .map((tiling) => ({ ...tiling, name: `${tiling.name} looped`, unroll: 1 }));
  return [...best, ...looped];
}

/**
 * An estimate to rank by, in invocations' multiplications one after the other: waves of tiles, each as long as its k and
 * its block, longer where the block is small and operands are read more often; and the parts that are added.
 */
function costOf({ bm, bn, tm, tn, buffers }: Cut, { m, n, k, batches }: ProductShape, parts: number): number {
  const tiles = ceilDiv(m, bm) * ceilDiv(n, bn) * batches;
  const waves = Math.max(1, (tiles * parts * (bm / tm) * (bn / tn)) / (BUSY * 256));
  const reads = 1 + 3 * (1 / tm + 1 / tn) * (buffers === 2 ? 0.95 : 1);
  const emptiness = 1 - (m * n * batches) / (tiles * bm * bn);
  const adding = parts === 1 ? 0 : 4000 + m * n * batches * parts * 1e-3;
  return waves * (k / parts) * tm * tn * reads * (1 + 0.1 * emptiness) + adding;
}
