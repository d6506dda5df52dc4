/**
 * What the loop's thread and the look-ahead's worker say to each other. Arrays travel by transfer, or stay where they
 * are in shared memory; nothing is copied on the way.
 */
import { type AssignedNoise } from '../assign-noise.ts';
import { AssignmentError, type AssignmentErrorCode } from '../errors.ts';
import { type NoiseStreams } from '../noise-streams.ts';
import { type AssignNoiseOptions } from '../options.ts';
import { type SeedChange, type StoredSeedsState } from '../stored-seeds.ts';

/** Images or noise under way: always with a shape, so that every kind of tensor arrives as the same thing. */
export interface Sent {
  readonly data: Float32Array;
  readonly shape: readonly number[] | undefined;
}

/** The seeds that data hold, told to a worker before its first batch. */
export interface SeedsMessage {
  readonly seeds: StoredSeedsState;
}

/** Which data of the set a batch has; their noise follows from the seeds that they hold. */
export interface Seeded {
  readonly indices: ArrayLike<number>;
  readonly cache: number;
}

/** One batch to pair. */
export interface PairRequest {
  readonly id: number;
  readonly x0: Sent;
  /** Whether the buffer of `x0` was moved to the worker, which then sends it back. */
  readonly moved: boolean;
  readonly noise: Sent | NoiseStreams | Seeded;
  readonly options: Omit<AssignNoiseOptions, 'computeCost'>;
}

/** A batch that was paired. */
export interface Paired {
  /** With stored seeds, `change` says who holds what from now on. */
  readonly assigned: AssignedNoise & { readonly change?: SeedChange };
  /** The images, where they were moved. */
  readonly x0?: Float32Array;
  /** What the worker took for it, drawing included. */
  readonly milliseconds: number;
}

/** An error as it survives a thread's border, where it loses its class. */
export interface SentError {
  readonly error: Error;
  readonly code?: AssignmentErrorCode;
}

export type PairAnswer =
  { readonly id: number; readonly paired: Paired } | { readonly id: number; readonly failed: SentError };

/** An error for the way to the other side. */
export function packError(thrown: unknown): SentError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return error instanceof AssignmentError ? { error, code: error.code } : { error };
}

/** The error as it was thrown, class and code included, for the package's own kind. */
export function unpackError({ error, code }: SentError): Error {
  return code === undefined ? error : new AssignmentError(code, error.message);
}
