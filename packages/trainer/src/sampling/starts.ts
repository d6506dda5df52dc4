/**
 * The noise that a sample begins with and the noise that a stochastic sampler adds to it: both drawn from the sample's seed
 * alone, so that neither its batch nor the samples beside it can change it.
 */
import { streamNormal } from '@immiscible/random';
import { type NoiseSource, noisePerSample } from '@immiscible/schedulers';
import { SampleError } from '../errors.ts';
import { streamOf } from '../streams.ts';

/** Between the starting noises of two seeds, along the great circle through them. */
export interface SeedBlend {
  readonly from: number;
  readonly to: number;
  /** 0 is `from`, bit for bit, and 1 is `to` */
  readonly at: number;
}

/** What a sample begins with: a seed, a whole number from 0, or a point between two. */
export type SampleStart = number | SeedBlend;

/** The run's seed does not enter: a sample is the same in every run with the same weights. */
const SAMPLING_SEED = 0;

/** Below this sine of the angle between two noises, the great circle is a straight line for all that float32 can say. */
const PARALLEL = 1e-6;

/**
 * Spherical interpolation, as "DDIM" (Song et al. 2021) interpolates between samples (appendix D.5): unlike a mean it keeps the
 * length that noise has.
 *
 * @param a where `at` is 0; returned as it is there
 * @param b where `at` is 1, as many values
 * @param out where the result goes
 */
export function slerp(a: Float32Array, b: Float32Array, at: number, out: Float32Array): Float32Array {
  let [aa, bb, ab] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
    ab += a[i]! * b[i]!;
  }
  const angle = Math.acos(Math.min(1, Math.max(-1, ab / Math.sqrt(aa * bb))));
  const sine = Math.sin(angle);
  const straight = !(sine > PARALLEL);
  const ofA = straight ? 1 - at : Math.sin((1 - at) * angle) / sine;
  const ofB = straight ? at : Math.sin(at * angle) / sine;
  for (let i = 0; i < out.length; i++) out[i] = ofA * a[i]! + ofB * b[i]!;
  return out;
}

/** @throws TrainerError for a seed that is no whole number from 0 */
function fromSeed(seed: number, out: Float32Array): Float32Array {
  return streamNormal(SAMPLING_SEED, streamOf('sampling', seed), out);
}

/**
 * N(0, I) for each sample, one after another.
 *
 * @param size values of a sample
 * @throws SampleError for a point that is not between its seeds; TrainerError for a seed that is none
 */
export function startingNoise(starts: readonly SampleStart[], size: number): Float32Array {
  const x = new Float32Array(starts.length * size);
  for (const [i, start] of starts.entries()) {
    const out = x.subarray(i * size, (i + 1) * size);
    if (typeof start === 'number') {
      fromSeed(start, out);
      continue;
    }
    const { from, to, at } = start;
    if (!(at >= 0 && at <= 1)) {
      throw new SampleError(`sample: wants a point from 0 (seed ${from}) to 1 (seed ${to}), got ${at}`);
    }
    if (at === 0 || at === 1) fromSeed(at === 0 ? from : to, out);
    else slerp(fromSeed(from, new Float32Array(size)), fromSeed(to, new Float32Array(size)), at, out);
  }
  return x;
}

/**
 * The noise that a stochastic sampler adds: step after step from the stream of each sample's seed.
 *
 * @param size values of a sample
 * @throws SampleError (when used) for a point between two seeds, which has no noise of its own
 */
export function addedNoise(starts: readonly SampleStart[], size: number): NoiseSource {
  const stride = 4 * Math.ceil(size / 4);
  return noisePerSample(starts.length, (sample, step, out) => {
    const seed = starts[sample]!;
    if (typeof seed !== 'number') {
      throw new SampleError(
        `sample: between the seeds ${seed.from} and ${seed.to} there is starting noise, but none for a sampler to add; ` +
          'interpolate with one that adds none (ddim with eta 0, euler, heun, dpm++, pndm, flow, cm with one step)',
      );
    }
    streamNormal(SAMPLING_SEED, streamOf('samplerNoise', seed), out, step * stride);
  });
}
