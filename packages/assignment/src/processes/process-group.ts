/**
 * What an assignment across processes needs of whoever connects them: a number for each process and three ways to
 * pass arrays around. Training loops bring their own (sockets, MPI, a browser's channels); nothing here opens one.
 */

/** Arrays that travel between processes; what arrives is of the kind that was sent. */
export type GroupArray = Float32Array | Float64Array | Int32Array | Uint8Array;

/**
 * Processes that do the same things in the same order. Every operation is called by all of them, waits for all that it
 * needs, and rejects when one of those is gone: it must not wait for ever.
 */
export interface ProcessGroup {
  /** This process, from 0 to `size - 1`. */
  readonly rank: number;
  /** How many processes there are. */
  readonly size: number;
  /** What every rank gave, by rank, on every rank. Lengths may differ between ranks. */
  allGather<T extends GroupArray>(values: T): Promise<T[]>;
  /** What every rank gave, by rank, on `root`; an empty list elsewhere. Lengths may differ between ranks. */
  gather<T extends GroupArray>(values: T, root: number): Promise<T[]>;
  /** What `root` gave, on every rank; of the others only the kind of `values` counts. */
  broadcast<T extends GroupArray>(values: T, root: number): Promise<T>;
}
