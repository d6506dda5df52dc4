/** What a matrix product is to the kernels that compute it. */
import { type Epilogue, type Operand } from '../kernel.ts';
import { type Batch, countOf } from './tiles.ts';

export interface MatmulSpec {
  /** [..., m, k], or [..., k, m] with `transposeA`; contiguous matrices, f32 or f16. */
  readonly a: Operand;
  /** [..., k, n], or [..., n, k] with `transposeB`. */
  readonly b: Operand;
  /** [batch..., m, n], contiguous. */
  readonly out: Operand;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch: Batch;
  readonly epilogue?: Epilogue;
}

export function matmulLabel({ m, n, k, batch }: MatmulSpec): string {
  return `matmul ${[...batch.shape, m, n, k].join('×')}`;
}

export function matmulFlops({ m, n, k, batch }: MatmulSpec): number {
  return 2 * countOf(batch.shape) * m * n * k;
}
