/**
 * Which random stream is for what. One seed serves a whole run: every purpose has its own range of streams, and within
 * it every sample has its own, numbered by the count of samples drawn before it. The loader's streams begin at 2^51.
 */
import { TrainerError } from './errors.ts';

const RANGE = 2 ** 47;

const purposes = {
  /** ε of a training sample */
  noise: 1,
  /** t of a training sample */
  timestep: 2,
  /** dropout masks of a training sample */
  dropout: 3,
  /** where sampling starts */
  sampling: 4,
  /** noise that a stochastic sampler adds */
  samplerNoise: 5,
  /** parameters at the start */
  parameters: 6,
  /** ε that images keep, where seeds are stored: slot by slot, cache after cache */
  storedNoise: 7,
  /** offset of each channel of a training sample */
  offsetNoise: 8,
  /** whether a training sample's class is dropped */
  labelDropout: 9,
} as const;

export type Purpose = keyof typeof purposes;

/**
 * The stream of one sample for one purpose.
 *
 * @param index from 0 to 2^47 − 1
 * @throws TrainerError for any other index: its stream would be another purpose's
 */
export function streamOf(purpose: Purpose, index: number): number {
  if (!Number.isInteger(index) || index < 0 || index >= RANGE) {
    throw new TrainerError(`streams: ${purpose} wants a whole number from 0 to 2^47 − 1, got ${index}`);
  }
  return purposes[purpose] * RANGE + index;
}
