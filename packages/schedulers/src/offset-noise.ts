/** Offset noise: Guttenberg, "Diffusion with Offset Noise" (2023), so that a network learns to change an image's mean. */
import { SchedulerArgumentError } from './errors.ts';

/**
 * noise + strength·offset, one offset for all pixels of a channel.
 *
 * @param noise N(0, I), [B, C, H, W] flattened; not changed
 * @param offsets N(0, I), [B, C] flattened: one number a channel of a sample
 * @param strength 0.1 in the post; the result's variance is 1 + strength²
 * @returns a new array of noise's length
 * @throws SchedulerArgumentError if the noise does not divide into so many channels, or the strength is below 0
 */
export function offsetNoise(noise: Float32Array, offsets: Float32Array, strength: number): Float32Array {
  const pixels = noise.length / offsets.length;
  if (!Number.isInteger(pixels) || !(strength >= 0)) {
    throw new SchedulerArgumentError(
      `offsetNoise: wanted noise that divides into one channel an offset and a strength of at least 0, ` +
        `got ${noise.length} values, ${offsets.length} offsets and ${strength}`,
    );
  }
  return noise.map((value, i) => value + strength * offsets[Math.floor(i / pixels)]!);
}
