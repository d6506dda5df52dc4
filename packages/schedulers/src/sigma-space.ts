/**
 * The coordinates in which Euler, Heun and DPM-Solver choose their steps: y = x_t/α_t = x_0 + σ·ε with σ = σ_t/α_t, as in EDM
 * (Karras et al. 2022), table 1, "VP". Rounded to float32 where diffusers rounds.
 */
import { endsInPureNoise } from './betas.ts';
import { type PredictionType } from './config.ts';
import { exponentialSigmas, karrasSigmas, type SigmaRange } from './karras-sigmas.ts';
import { type NoiseSchedule } from './noise-schedule.ts';
import { type Quotient } from './prediction.ts';

const f32 = Math.fround;

/** σ(t) = √((1 − ᾱ_t)/ᾱ_t) for t = 0 … T−1, [T] float32, rising. With zero terminal SNR the last is 4096, in place of ∞. */
export function sigmaTable(schedule: NoiseSchedule): Float32Array {
  const { alphasCumprod } = schedule;
  const last = endsInPureNoise(schedule.config) ? alphasCumprod.length - 1 : -1;
  return alphasCumprod.map((value, t) => {
    const alphaBar = t === last ? 2 ** -24 : value;
    return Math.sqrt(f32(f32(1 - alphaBar) / alphaBar));
  });
}

/** The value of a table at a place between two of its indices. */
export function interpolate(table: Float32Array, place: number): number {
  const low = Math.min(Math.floor(place), table.length - 1);
  const from = table[low]!;
  const to = table[low + 1] ?? from;
  return from + (to - from) * (place - low);
}

/** The (fractional) timesteps that have these σ: linear in log σ between timesteps, and never beyond the first or last. */
export function timestepsOf(sigmas: Float64Array, table: Float32Array): Float64Array {
  const logs = table.map(Math.log);
  if (logs.length < 2) return sigmas.map(() => 0);
  return sigmas.map((sigma) => {
    const logSigma = Math.log(Math.max(sigma, 1e-10));
    const below = logs.findLastIndex((value) => value <= logSigma);
    const low = Math.min(Math.max(below, 0), logs.length - 2);
    const width = f32(logs[low]! - logs[low + 1]!);
    return low + Math.min(Math.max((logs[low]! - logSigma) / width, 0), 1);
  });
}

/**
 * Noise levels spaced as `use_karras_sigmas` (with ρ = 7) or `use_exponential_sigmas` asks, from the config's σ_max to its σ_min,
 * or between the ends of those that the timesteps have. Undefined if neither is on.
 */
export function respacedSigmas(
  config: Readonly<Record<string, unknown>>,
  steps: number,
  ends: SigmaRange,
): Float64Array | undefined {
  const { sigma_min: low, sigma_max: high } = config;
  const range = {
    sigmaMin: typeof low === 'number' ? low : ends.sigmaMin,
    sigmaMax: typeof high === 'number' ? high : ends.sigmaMax,
  };
  if (config['use_karras_sigmas'] === true) return karrasSigmas(steps, { ...range, rho: 7 });
  if (config['use_exponential_sigmas'] === true) return exponentialSigmas(steps, range);
  return undefined;
}

/** x̂_0 from y at noise level σ and the network's output for y/√(σ² + 1): prediction.ts in these coordinates. */
export function predictedX0At(type: PredictionType, sigma: number): Quotient {
  switch (type) {
    case 'epsilon':
      return { sample: 1, output: -sigma, divisor: 1 };
    case 'sample':
      return { sample: 0, output: 1, divisor: 1 };
    case 'v_prediction': {
      const variance = sigma * sigma + 1;
      return { sample: 1 / variance, output: -sigma / Math.sqrt(variance), divisor: 1 };
    }
  }
}
