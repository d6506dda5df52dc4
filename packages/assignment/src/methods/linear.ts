/**
 * The paper's method (Algorithm 1): one noise for each image, paired so that the sum of distances is smallest.
 */
import { type Batch } from '../inputs.ts';
import { type Sides } from './sides.ts';

/** Images against the noise as it was drawn. */
export function linearSides({ x0, noise }: Batch): Sides {
  return { x0, noise };
}
