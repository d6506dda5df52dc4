/**
 * Noise that is named instead of held: counter-based streams (@immiscible/random), one for each image, so that what an
 * image draws depends neither on the batch around it nor on the process that draws it.
 */
import { streamNormal } from '@immiscible/random';
import { AssignmentError } from './errors.ts';

/**
 * Standard normal noise to be drawn: image i's numbers are those of stream `streams[i]` under `seed`, candidate c of D
 * numbers being its elements c·D … c·D + D-1.
 */
export interface NoiseStreams {
  /** A whole number from 0 to 2^53 - 1. */
  readonly seed: number;
  /** [rows] One stream for each image, whole numbers from 0 to 2^53 - 1. */
  readonly streams: ArrayLike<number>;
}

export function isNoiseStreams(noise: unknown): noise is NoiseStreams {
  return typeof noise === 'object' && noise !== null && 'streams' in noise && 'seed' in noise;
}

/**
 * The first `length` numbers of each stream.
 *
 * @returns [streams, length]
 * @throws AssignmentError `invalid-option` when a seed or stream is no whole number from 0 to 2^53 - 1
 */
export function drawStreams({ seed, streams }: NoiseStreams, length: number): Float32Array {
  const noise = new Float32Array(streams.length * length);
  for (let i = 0; i < streams.length; i++) {
    drawStream(seed, streams[i]!, noise.subarray(i * length, (i + 1) * length));
  }
  return noise;
}

/** Fills `out` from the beginning of one stream. @throws AssignmentError `invalid-option` */
export function drawStream(seed: number, stream: number, out: Float32Array): void {
  for (const [name, value] of [
    ['seed', seed],
    ['stream', stream],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new AssignmentError(
        'invalid-option',
        `assignNoise: a noise ${name} must be a whole number from 0 to 2^53 - 1, got ${value}`,
      );
    }
  }
  streamNormal(seed, stream, out);
}
