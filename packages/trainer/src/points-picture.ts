/** Points in the plane as a PNG: what an image grid is for models of images. */
import sharp from 'sharp';
import { TrainerError } from './errors.ts';

/** What is shown of the plane: a little more than the range that data is scaled to. */
const EXTENT = 1.25;
/** How much darker one point makes its pixels; several on one place add up to black. */
const INK = 110;

/**
 * The PNG of a cloud of points: x to the right, y upwards, both from −1.25 to 1.25; darker where there are more. Points
 * outside are left out.
 *
 * @param points [N, 2], x and y in turn
 * @param side pixels of the picture; default 512
 * @throws TrainerError for an odd number of values
 */
export async function pointsPng(points: Float32Array, side = 512): Promise<Uint8Array> {
  if (points.length % 2 !== 0) {
    throw new TrainerError(`points: wants x and y in turn, got ${points.length} values`);
  }
  const pixels = new Uint8Array(side * side).fill(255);
  // A point is about a hundredth of the picture wide, and no less than a pixel.
  const radius = Math.floor(side / 300);
  for (let i = 0; i < points.length; i += 2) {
    const x = Math.floor(((points[i]! / EXTENT + 1) / 2) * side);
    const y = Math.floor(((1 - points[i + 1]! / EXTENT) / 2) * side);
    for (let v = Math.max(0, y - radius); v <= Math.min(side - 1, y + radius); v++) {
      for (let u = Math.max(0, x - radius); u <= Math.min(side - 1, x + radius); u++) {
        pixels[v * side + u] = Math.max(0, pixels[v * side + u]! - INK);
      }
    }
  }
  const picture = sharp(pixels, { raw: { width: side, height: side, channels: 1 } });
  return picture.toColourspace('b-w').png({ compressionLevel: 9 }).toBuffer();
}
