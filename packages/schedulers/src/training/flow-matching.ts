/**
 * How far along its line from image to noise a sample of flow matching is: t from 0 (the image) to 1 (the noise), as
 * diffusers counts it in FlowMatchEulerDiscreteScheduler, where it is called σ.
 */
import { SchedulerArgumentError } from '../errors.ts';

/**
 * - `uniform`: Liu et al. 2022, "Flow straight and fast", equation 1.
 * - `logit-normal`: sigmoid of a normal number, Esser et al. 2024, "Scaling rectified flow transformers", equation 19.
 */
export type FlowTimes =
  | { readonly kind: 'uniform' }
  | { readonly kind: 'logit-normal'; readonly mean: number; readonly std: number };

/**
 * t from a random number.
 *
 * @param random uniform in [0, 1) under `uniform`, standard normal under `logit-normal`
 * @param shift of the schedule: t ← shift · t / (1 + (shift − 1) · t), Esser et al. 2024, equation 23
 * @throws SchedulerArgumentError for a number that is not uniform where one is wanted, or a shift that is not positive
 */
export function flowTime(times: FlowTimes, random: number, shift = 1): number {
  if (!(shift > 0)) throw new SchedulerArgumentError(`flowTime: wanted a shift above 0, got ${shift}`);
  if (times.kind === 'uniform' && !(random >= 0 && random < 1)) {
    throw new SchedulerArgumentError(`flowTime: wanted a uniform from 0 to below 1, got ${random}`);
  }
  const t = times.kind === 'uniform' ? random : 1 / (1 + Math.exp(-(times.mean + times.std * random)));
  return (shift * t) / (1 + (shift - 1) * t);
}
