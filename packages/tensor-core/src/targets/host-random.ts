/** `randomUniform` on the host: for targets that have no integer arithmetic of their own. */
import { philox4x32 } from '@immiscible/random';
import { sizeOf } from '../shape.ts';
import { type RandomAttrs } from '../ops/index.ts';

const SCALE = 2 ** -16;

/**
 * Fills `out` with the elements that `ops/random.ts` defines.
 *
 * @param key int32 [B, 2]
 */
export function hostRandomUniform(key: Int32Array, { shape, salt }: RandomAttrs, out: Float32Array): void {
  const row = sizeOf(shape.slice(1));
  const words = new Uint32Array(4);
  for (let b = 0; b < shape[0]!; b++) {
    for (let i = 0; i < row; i += 8) {
      philox4x32(i / 8, salt, 0, 0, key[2 * b]!, key[2 * b + 1]!, words, 0);
      const end = Math.min(8, row - i);
      for (let j = 0; j < end; j++) {
        out[b * row + i + j] = ((words[j >> 1]! >>> (j & 1 ? 16 : 0)) & 0xffff) * SCALE;
      }
    }
  }
}
