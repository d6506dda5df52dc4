/** Sums of products and of absolute differences between rows of two matrices. */

/** The first byte that is free. */
export function heapBase(): usize {
  return __heap_base;
}
