/**
 * Random numbers inside a program: counter-based (Philox4x32-10), a stream per sample, the same bits on every target.
 *
 * Row b of the result depends only on row b of the key, on the op's `salt` and on the element's place in the row, so
 * it is the same whatever the batch size.
 */
import { DTypeError, ShapeError, TensorError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { checkShape, formatShape } from '../shape.ts';
import { cast, less, mul } from './elementwise.ts';
import { scalar } from './shared.ts';

export type RandomAttrs = { shape: readonly number[]; salt: number };

const makeRandom = defineOp<RandomAttrs>({
  name: 'randomUniform',
  infer: ([key], { shape }) => {
    if (key!.dtype !== 'int32')
      throw new DTypeError(`randomUniform: the key must be int32, got ${key!.dtype}`);
    if (key!.shape.length !== 2 || key!.shape[1] !== 2 || key!.shape[0] !== shape[0]) {
      throw new ShapeError(
        `randomUniform: wants a key [${shape[0] ?? 'B'}, 2] (two 32-bit words a sample) for ${formatShape(shape)}, got ${formatShape(key!.shape)}`,
      );
    }
    return { shape, dtype: 'float32' };
  },
  constantGradient: true,
});

/**
 * Uniform float32 numbers in [0, 1) with 16 bits each, shape `shape` = [B, ...].
 *
 * Element i of row b: Philox block ⌊i/8⌋ with counter (block, salt, 0, 0) and key (key[b, 0], key[b, 1]); half-word
 * i mod 8, low half first, times 2^-16.
 *
 * @param key int32 [B, 2]
 * @param salt tells apart several draws under one key (0 to 2^31 − 1)
 */
export function randomUniform(key: Node, shape: readonly number[], salt = 0): Node {
  checkShape('randomUniform', shape);
  if (!Number.isInteger(salt) || salt < 0 || salt > 0x7fffffff) {
    throw new TensorError(`randomUniform: wants a whole salt from 0 to 2^31 − 1, got ${salt}`);
  }
  return makeRandom([key], { shape, salt });
}

/** Each element kept with probability 1 − p and scaled by 1 / (1 − p), else 0 (Srivastava et al. 2014). */
export function dropout(x: Node, p: number, key: Node, salt = 0): Node {
  if (!(p >= 0 && p < 1)) throw new TensorError(`dropout: wants a probability in [0, 1), got ${p}`);
  if (p === 0) return x;
  const kept = less(randomUniform(key, x.shape, salt), scalar(1 - p));
  return mul(x, mul(cast(kept, x.dtype), scalar(1 / (1 - p), x.dtype)));
}
