/**
 * Bytes to the range the model sees and back: x/127.5 - 1, as DDPM (Ho et al. 2020, section 3.3) scales images.
 */
import { DatasetOptionError } from './errors.ts';

/** The float32 of each byte: 0 is -1, 255 is 1. */
const NORMALISED = Float32Array.from({ length: 256 }, (_, byte) => byte / 127.5 - 1);

/**
 * uint8 0 … 255 to float32 [-1, 1]: x/127.5 - 1, rounded once.
 *
 * @param out where to write, as long as `bytes`; made if absent
 */
export function normalise(bytes: Uint8Array, out = new Float32Array(bytes.length)): Float32Array {
  checkLength('normalise', bytes.length, out.length);
  for (let i = 0; i < bytes.length; i++) out[i] = NORMALISED[bytes[i]!]!;
  return out;
}

/**
 * One image among others as the model sees it, mirrored on the way if asked. Checks nothing: it is the loader's inner loop.
 *
 * @param stored bytes, which are normalised, or values that are so already
 * @param from where the image begins in `stored`
 * @param to where it begins in `out`
 * @param size elements of the image
 * @param mirrorWidth 0, or the width of the rows to be written backwards
 */
export function writeImage(
  stored: Uint8Array | Float32Array,
  from: number,
  out: Float32Array,
  to: number,
  size: number,
  mirrorWidth = 0,
): void {
  if (stored instanceof Float32Array) {
    out.set(stored.subarray(from, from + size), to);
    for (let row = to; mirrorWidth > 0 && row < to + size; row += mirrorWidth) {
      out.subarray(row, row + mirrorWidth).reverse();
    }
    return;
  }
  if (mirrorWidth === 0) {
    for (let i = 0; i < size; i++) out[to + i] = NORMALISED[stored[from + i]!]!;
    return;
  }
  for (let row = 0; row < size; row += mirrorWidth) {
    const last = from + row + mirrorWidth - 1;
    for (let x = 0; x < mirrorWidth; x++) out[to + row + x] = NORMALISED[stored[last - x]!]!;
  }
}

/**
 * float32 to uint8: clipped to [-1, 1], then 127.5 (x + 1) to the nearest whole number, halves up. The inverse of
 * `normalise`.
 *
 * @param out where to write, as long as `values`; made if absent
 * @throws DatasetOptionError if a value is not a number
 */
export function denormalise(values: Float32Array, out = new Uint8Array(values.length)): Uint8Array {
  checkLength('denormalise', values.length, out.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) {
      throw new DatasetOptionError({
        op: 'denormalise',
        wanted: 'numbers',
        got: `NaN at element ${i}`,
        fix: 'find what made it before turning it into pixels',
      });
    }
    out[i] = Math.floor(Math.min(Math.max(127.5 * (value + 1), 0), 255) + 0.5);
  }
  return out;
}

function checkLength(op: string, wanted: number, got: number): void {
  if (wanted === got) return;
  throw new DatasetOptionError({
    op,
    wanted: `an output of ${wanted} elements`,
    got: `${got}`,
    fix: 'make it as long as the input',
  });
}
