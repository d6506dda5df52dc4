/**
 * Products with few rows or columns: an invocation sums a part of one output, its neighbours the other parts.
 *
 * A tile of such a product would be mostly empty, and one long sum an output leaves a GPU idle. Software adapters get
 * one invocation an output: there is nothing to fill, and a barrier costs more than the sum.
 */
import { type Emitter } from '../kernel.ts';
import { matmulFlops, matmulLabel, type MatmulSpec } from './gemm.ts';
import { asF32, batchStart, ceilDiv, countOf, gridOf, runOf, Store } from './tiles.ts';

const INVOCATIONS = 128;

/** Outputs a workgroup where b's rows run along its columns: neighbours read neighbours. */
const COLUMNS = 16;

/** Outputs a workgroup where b's rows run along k. */
const ROWS = 4;

export function emitDots(emitter: Emitter, spec: MatmulSpec): void {
  const { a, b, out, m, n, k, batch, transposeA, transposeB } = spec;
  const { software } = emitter.capabilities;
  const outputs = software ? 8 : transposeB ? ROWS : COLUMNS;
  const parts = software ? 1 : INVOCATIONS / outputs;
  const total = countOf(batch.shape) * m * n;
  const grid = gridOf(ceilDiv(total, outputs), 1, 1);
  const store = new Store(out, spec.epilogue);
  const [output, part] = transposeB
    ? [`lane / ${parts}u`, `lane % ${parts}u`]
    : [`lane % ${outputs}u`, `lane / ${outputs}u`];
  const aAt = transposeA ? `k * ${m}u + row` : `row * ${k}u + k`;
  const bAt = transposeB ? `column * ${k}u + k` : `k * ${n}u + column`;
  const together = `parts[lane] = sum;
  workgroupBarrier();
  if (part != 0u || index >= ${total}u) { return; }
  for (var i = 1u; i < ${parts}u; i++) { sum += parts[${transposeB ? 'lane + i' : `lane + i * ${outputs}u`}]; }`;
  emitter.emit({
    label: matmulLabel(spec),
    body: `${store.code}
${runOf(grid)}
  let index = tile.x * ${outputs}u + ${output};
  let part = ${part};
  let within = min(index, ${total - 1}u);
  let column = within % ${n}u;
  let row = (within / ${n}u) % ${m}u;
  let z = within / ${m * n}u;
  let a_from = a_at() + ${batchStart(batch.shape, batch.a, 'z')};
  let b_from = b_at() + ${batchStart(batch.shape, batch.b, 'z')};
  var sum = 0f;
  for (var k = part; k < ${k}u; k += ${parts}u) {
    sum = fma(${asF32(`a[a_from + ${aAt}]`, a.value.dtype)}, ${asF32(`b[b_from + ${bAt}]`, b.value.dtype)}, sum);
  }
  ${parts > 1 ? together : `if (index >= ${total}u) { return; }`}
  ${store.scalar('sum', 'index')}
}`,
    reads: { a, b, ...store.reads },
    writes: { y: out },
    invocations: outputs * parts,
    ...(parts > 1 && { shared: { parts: { type: 'f32', size: INVOCATIONS } } }),
    workgroups: grid.workgroups,
    flops: matmulFlops(spec),
  });
}
