/** Moves b, so that its rows run along the columns of the product: what lanes read best. */
import { type Emitter } from '../kernel.ts';
import { type MatmulSpec } from './gemm.ts';
import { asF32, ceilDiv, countOf, gridOf, runOf, scratch } from './tiles.ts';

const INVOCATIONS = 64;

/** Emits a copy of b as f32 [distinct batches, k, n], and gives the product of that. */
export function withRowsOfB(emitter: Emitter, spec: MatmulSpec): MatmulSpec {
  const { b, n, k, batch } = spec;
  const copies = b.size / (n * k);
  const moved = scratch(emitter, [copies, k, n], 'b, transposed');
  const total = countOf([copies, k, n]);
  const grid = gridOf(ceilDiv(total, INVOCATIONS), 1, 1);
  emitter.emit({
    label: `transpose ${copies}×${n}×${k}`,
    body: `${runOf(grid)}
  let i = tile.x * ${INVOCATIONS}u + lane;
  if (i >= ${total}u) { return; }
  let source = i / ${n * k}u * ${n * k}u + i % ${n}u * ${k}u + i / ${n}u % ${k}u;
  y[y_at() + i] = ${asF32('b[b_at() + source]', b.value.dtype)};
}`,
    reads: { b },
    writes: { y: moved },
    invocations: INVOCATIONS,
    workgroups: grid.workgroups,
    flops: 0,
  });
  return { ...spec, b: moved, transposeB: false, batch };
}
