/** The recordings of golden/generate.py, and the functions that it and the tests both compute. */
import { readFileSync } from 'node:fs';
import { type SchedulerConfigInput } from '../src/config.ts';

interface Golden {
  readonly versions: Record<string, string>;
  readonly schedules: readonly {
    readonly config: SchedulerConfigInput;
    readonly at: readonly number[];
    readonly betas: readonly number[];
    readonly alphas_cumprod: readonly number[];
    readonly betas_checksum: number;
    readonly alphas_cumprod_checksum: number;
    readonly add_noise: readonly number[];
    readonly velocity: readonly number[];
  }[];
  readonly timesteps: readonly {
    readonly T: number;
    readonly spacing: 'leading' | 'trailing' | 'linspace';
    readonly sums: readonly number[];
    readonly with_extra_minus_one: readonly number[];
  }[];
  readonly trajectories: readonly {
    readonly config: SchedulerConfigInput;
    readonly steps: number;
    readonly eta?: number;
    /** how many samples x holds, where that matters */
    readonly samples?: number;
    readonly finite: boolean;
    readonly trajectory: readonly {
      readonly index: number;
      readonly t: number;
      readonly before: readonly number[];
      readonly x: readonly number[];
      readonly x0: readonly number[];
    }[];
  }[];
  readonly config_files: readonly Record<string, unknown>[];
  /** every `every`th value of `_threshold_sample` of one sample of n */
  readonly thresholds: readonly {
    readonly n: number;
    readonly ratio: number;
    readonly most: number;
    readonly every: number;
    readonly x0: readonly number[];
  }[];
}

export const golden = JSON.parse(
  readFileSync(new URL('../golden/diffusers.json', import.meta.url), 'utf8'),
) as Golden;

const SIZE = 8;

/** generate.py's `model`. */
export function model(x: Float32Array, t: number): Float32Array {
  return x.map((value, i) => 0.9 * Math.sin(1.7 * value + 0.3 * i + 0.002 * t));
}

/** generate.py’s `noise`, for as many values as `out` has (8 in generate.py, 4 in generate_samplers.py). */
export function noise(step: number, out: Float32Array): void {
  const size = out.length;
  for (let i = 0; i < size; i++) out[i] = 1.4 * Math.sin(3.7 * (step * size + i) + 0.5);
}

/** generate.py's `start`. */
export function start(): Float32Array {
  return Float32Array.from({ length: SIZE }, (_, i) => 1.5 * Math.cos(2.1 * i));
}

/** generate.py's `checksum`: every bit of the array counts. */
export function checksum(values: Float32Array): number {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  let sum = 0n;
  words.forEach((word, i) => (sum += BigInt(i + 1) * BigInt(word)));
  return Number(sum % (2n ** 31n - 1n));
}

/** Largest difference, relative to the largest wanted magnitude, or to `floor` if that is larger. */
export function relativeError(got: ArrayLike<number>, wanted: ArrayLike<number>, floor = 0): number {
  let difference = 0;
  let scale = floor;
  for (let i = 0; i < wanted.length; i++) {
    difference = Math.max(difference, Math.abs(got[i]! - wanted[i]!));
    scale = Math.max(scale, Math.abs(wanted[i]!));
  }
  return got.length === wanted.length ? difference / scale : Infinity;
}
