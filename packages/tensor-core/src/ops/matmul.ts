/** Matrix products, batched and broadcast, with either operand transposed without being moved. */
import { checkDType, FLOATS } from '../dtype.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { defineOp, type Node } from '../graph/node.ts';
import { broadcastShapes, formatShape } from '../shape.ts';
import { sumTo } from './shared.ts';

export type MatmulAttrs = { transposeA: boolean; transposeB: boolean };

const makeMatmul = defineOp<MatmulAttrs>({
  name: 'matmul',
  infer: ([a, b], { transposeA, transposeB }) => {
    const x = a!.shape;
    const y = b!.shape;
    const describe = `${formatShape(x)}${transposeA ? 'ᵀ' : ''} × ${formatShape(y)}${transposeB ? 'ᵀ' : ''}`;
    if (x.length < 2 || y.length < 2) {
      throw new ShapeError(
        `matmul: both operands need at least 2 axes, got ${describe}; reshape vectors to matrices`,
      );
    }
    if (a!.dtype !== b!.dtype) {
      throw new DTypeError(`matmul: operands are ${a!.dtype} and ${b!.dtype}; cast one of them`);
    }
    checkDType('matmul', a!.dtype, FLOATS);
    const [m, k] = transposeA ? [x.at(-1)!, x.at(-2)!] : [x.at(-2)!, x.at(-1)!];
    const [k2, n] = transposeB ? [y.at(-1)!, y.at(-2)!] : [y.at(-2)!, y.at(-1)!];
    if (k !== k2) throw new ShapeError(`matmul: inner extents ${k} and ${k2} differ in ${describe}`);
    return { shape: [...broadcastShapes('matmul', x.slice(0, -2), y.slice(0, -2)), m, n], dtype: a!.dtype };
  },
  gradient: ({ inputs: [a, b], attrs: { transposeA: ta, transposeB: tb }, cotangent: g, needs }) => {
    const forA = (): Node =>
      ta
        ? matmul(b!, g, { transposeA: tb, transposeB: true })
        : matmul(g, b!, { transposeA: false, transposeB: !tb });
    const forB = (): Node =>
      tb
        ? matmul(g, a!, { transposeA: true, transposeB: ta })
        : matmul(a!, g, { transposeA: !ta, transposeB: false });
    return [needs[0] ? sumTo(forA(), a!.shape) : undefined, needs[1] ? sumTo(forB(), b!.shape) : undefined];
  },
});

/**
 * a · b over the last two axes, [..., M, K] × [..., K, N] → [..., M, N]; leading axes broadcast.
 * `transposeA`: a is [..., K, M]; `transposeB`: b is [..., N, K].
 */
export function matmul(a: Node, b: Node, options: Partial<MatmulAttrs> = {}): Node {
  return makeMatmul([a, b], {
    transposeA: options.transposeA ?? false,
    transposeB: options.transposeB ?? false,
  });
}
