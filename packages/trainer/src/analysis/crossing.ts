/** Training images that an arm needs to come to a quality (the paper's table 3), read off its measurements. */

/** Fréchet distance after so many training images. */
export interface CurvePoint {
  readonly images: number;
  readonly frechet: number;
}

export interface Crossing {
  /** training images; between two measurements by a straight line */
  readonly images: number;
  /** It was there at the first measurement already: no later than that. */
  readonly atMost: boolean;
}

/**
 * Where a curve first comes down to `goal`.
 *
 * @param curve by rising numbers of images
 * @returns undefined where it does not
 */
export function firstCrossing(curve: readonly CurvePoint[], goal: number): Crossing | undefined {
  const at = curve.findIndex(({ frechet }) => frechet <= goal);
  const after = curve[at];
  if (!after) return undefined;
  const before = curve[at - 1];
  if (!before) return { images: after.images, atMost: true };
  const part = (before.frechet - goal) / (before.frechet - after.frechet);
  return { images: before.images + part * (after.images - before.images), atMost: false };
}
