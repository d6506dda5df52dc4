/**
 * The paper's ablation without optimal transport (section 4.3): images are paired with flipped noise, all of whose
 * dimensions are reversed, and trained with the noise as it was drawn. Each image still only meets a limited region,
 * but no longer the near one.
 */
import { type Batch } from '../inputs.ts';
import { type Sides } from './sides.ts';

/** Images against noise whose every sample is read backwards: all its dimensions (channels, rows, columns) reversed. */
export function flippedSides({ x0, noise, rows, dimensions }: Batch): Sides {
  const flipped = new Float32Array(noise.length);
  for (let i = 0; i < rows; i++) {
    const first = i * dimensions;
    const last = first + dimensions - 1;
    for (let k = 0; k < dimensions; k++) flipped[first + k] = noise[last - k]!;
  }
  return { x0, noise: flipped };
}
