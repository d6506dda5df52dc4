/** The sum of a product's parts, in their order: the same bits every time, which atomics would not give. */
import { type Emitter, type Operand } from '../kernel.ts';
import { type Target } from './gemm-tiled.ts';
import { ceilDiv, gridOf, runOf, Store } from './tiles.ts';

export interface PartSums {
  readonly label: string;
  /** [parts, batches, m, n], f32. */
  readonly sums: Operand;
  readonly parts: number;
  readonly batches: number;
  readonly m: number;
  readonly n: number;
  readonly target: Target;
}

export function emitPartSums(
  emitter: Emitter,
  { label, sums, parts, batches, m, n, target }: PartSums,
): void {
  const invocations = emitter.capabilities.software ? 8 : 64;
  const total = batches * m * n;
  const grid = gridOf(ceilDiv(total, invocations), 1, 1);
  const store = new Store(target.out, target.epilogue);
  emitter.emit({
    label: `join ${parts} parts of ${label}`,
    body: `${store.code}
${runOf(grid)}
  let i = tile.x * ${invocations}u + lane;
  if (i >= ${total}u) { return; }
  var sum = 0f;
  for (var part = 0u; part < ${parts}u; part++) { sum += sums[sums_at() + part * ${total}u + i]; }
  let column = i % ${n}u;
  let row = i / ${n}u % ${m}u;
  let z = i / ${m * n}u;
  let at = ${target.at('z', 'row', 'column')};
  ${store.scalar('sum', 'at')}
}`,
    reads: { sums, ...store.reads },
    writes: { y: target.out },
    invocations,
    workgroups: grid.workgroups,
    flops: total * parts,
  });
}
