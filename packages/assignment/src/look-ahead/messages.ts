/**
 * What the loop's thread and the look-ahead's worker say to each other. Arrays travel by transfer, or stay where they
 * are in shared memory; nothing is copied on the way.
 */
import { type AssignedNoise } from '../assign-noise.ts';
import { AssignmentError, type AssignmentErrorCode } from '../errors.ts';
import { type NoiseStreams } from '../noise-streams.ts';
import { type AssignOptions } from '../options.ts';

/** Images or noise under way: always with a shape, so that every kind of tensor arrives as the same thing. */
export interface Sent {
  readonly data: Float32Array;
  readonly shape: readonly number[] | undefined;
}

/** One batch to pair. */
export interface PairRequest {
  readonly id: number;
  readonly x0: Sent;
  /** Whether the buffer of `x0` was moved to the worker, which then sends it back. */
  readonly moved: boolean;
  readonly noise: Sent | NoiseStreams;
  readonly options: AssignOptions;
}

/** A batch that was paired. */
export interface Paired {
  readonly assigned: AssignedNoise;
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
