/** The static memory plan: which temporaries take turns in which buffer. */
import { sizeOf } from '../../shape.ts';
import { storageBytes } from './assemble.ts';
import { type Kernel, type Value } from './kernel.ts';

export interface MemoryPlan {
  /** Bytes of each buffer. */
  readonly slots: readonly number[];
  /** The buffer of each temporary. */
  readonly slotOf: ReadonlyMap<Value, number>;
  /** Bytes of all temporaries together, were none to share. */
  readonly unsharedBytes: number;
}

/** Bytes that a value takes in GPU memory: whole words. */
export function valueBytes({ shape, dtype }: Pick<Value, 'shape' | 'dtype'>): number {
  return Math.max(4, Math.ceil((sizeOf(shape) * storageBytes(dtype)) / 4) * 4);
}

/**
 * A temporary lives from the first kernel that writes it to the last that touches it. When it begins, it takes the free
 * buffer that fits best; where all are smaller, the largest of them grows.
 *
 * @param kept values that are not the plan's: inputs, outputs, constants
 */
export function planMemory(kernels: readonly Kernel[], kept: ReadonlySet<Value>): MemoryPlan {
  const first = new Map<Value, number>();
  const last = new Map<Value, number>();
  kernels.forEach(({ reads, writes }, at) => {
    for (const { value } of [...Object.values(reads), ...Object.values(writes)]) {
      if (kept.has(value)) continue;
      if (!first.has(value)) first.set(value, at);
      last.set(value, at);
    }
  });
  const slots: number[] = [];
  const slotOf = new Map<Value, number>();
  const free = new Set<number>();
  let unsharedBytes = 0;
  kernels.forEach(({ reads, writes }, at) => {
    const touched = [
      ...new Set([...Object.values(reads), ...Object.values(writes)].map(({ value }) => value)),
    ];
    // Large values choose first.
    const born = touched
      .filter((value) => first.get(value) === at)
      .sort((a, b) => valueBytes(b) - valueBytes(a));
    for (const value of born) {
      const bytes = valueBytes(value);
      unsharedBytes += bytes;
      let best: number | undefined;
      for (const slot of free) {
        if (best === undefined || isBetter(slots[slot]!, slots[best]!, bytes)) best = slot;
      }
      if (best === undefined) {
        best = slots.length;
        slots.push(bytes);
      } else {
        free.delete(best);
        slots[best] = Math.max(slots[best]!, bytes);
      }
      slotOf.set(value, best);
    }
    for (const value of touched) if (last.get(value) === at) free.add(slotOf.get(value)!);
  });
  return { slots, slotOf, unsharedBytes };
}

/** True where a buffer of `a` bytes wastes, or has to grow by, less than one of `b`. */
function isBetter(a: number, b: number, wanted: number): boolean {
  if (a >= wanted && b >= wanted) return a < b;
  return a > b;
}
