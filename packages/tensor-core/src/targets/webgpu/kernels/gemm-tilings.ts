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
  /** Slices in workgroup memory: with 2, one is written while the other is read. */
  readonly buffers: 1 | 2;
  /** k is cut in this many parts, added by a second kernel. */
  readonly parts: number;
}

type Cut = Omit<Tiling, 'name' | 'parts'>;

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

/** Workgroups that keep a large GPU busy; a small one loses little by as many. */
const BUSY = 192;

/** Parts of k are at least this long. */
const SHORTEST_PART = 128;

/** Workgroup memory that a tiling needs, in bytes. */
function memoryOf({ bm, bn, bk, buffers }: Cut): number {
  return buffers * bk * (bm + 4 + bn + 4) * 4;
}

/** Tilings for a shape, the sane one first: the largest tile that keeps the device busy and is not mostly empty. */
export function tilingsFor(
  { m, n, k, batches }: { m: number; n: number; k: number; batches: number },
  { workgroupMemory, workgroupInvocations }: Capabilities,
): [Tiling, ...Tiling[]] {
  const possible = CUTS.filter(
    (cut) =>
      memoryOf(cut) <= workgroupMemory && (cut.bm / cut.tm) * (cut.bn / cut.tn) <= workgroupInvocations,
  );
  const tilings = possible.map((cut) => {
    const tiles = ceilDiv(m, cut.bm) * ceilDiv(n, cut.bn) * batches;
    const parts = Math.max(1, Math.min(Math.ceil(BUSY / tiles), Math.floor(k / SHORTEST_PART)));
    return { cut, tiles, parts, cost: costOf(cut, tiles, parts, k) };
  });
  const sorted = tilings.sort((a, b) => a.cost - b.cost);
  const named = sorted.flatMap(({ cut, parts }) => {
    const name = `${cut.bm}x${cut.bn}x${cut.bk}${cut.buffers === 2 ? ' double' : ''}`;
    const whole = { ...cut, name, parts: 1 };
    return parts === 1 ? [whole] : [{ ...cut, name: `${name} in ${parts}`, parts }, whole];
  });
  return named as [Tiling, ...Tiling[]];
}

/**
 * An estimate to rank by, in invocations' multiplications one after the other: waves of tiles, each as long as its k and
 * its block, longer where the block is small and operands are read more often; and the parts that are added.
 */
function costOf({ bm, bn, tm, tn, buffers }: Cut, tiles: number, parts: number, k: number): number {
  const invocations = (bm / tm) * (bn / tn);
  const waves = Math.max(1, (tiles * parts * invocations) / (BUSY * 256));
  const reads = 1 + 3 * (1 / tm + 1 / tn) * (buffers === 2 ? 0.95 : 1);
  const adding = parts === 1 ? 0 : 2000 + tiles * bm * bn * parts * 1e-3;
  return waves * (k / parts) * tm * tn * reads + adding;
}
