/** No assignment: every image keeps the noise that was drawn with it (the vanilla arm of a comparison). */
import { type Batch } from '../inputs.ts';

/** [rows] i → the first noise of image i. */
export function identityPairing({ rows, perRow }: Batch): Int32Array {
  return Int32Array.from({ length: rows }, (_, i) => i * perRow);
}
