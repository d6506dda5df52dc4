/**
 * Rows added by index, as sums: each output goes over all indices and adds up the updates that are meant for it. WebGPU
 * has no atomic additions of floats, and these would come in another order on every run.
 */
import { type Emitter, type Epilogue, type Operand, type Prologue } from '../kernel.ts';
import { stored } from './reduce.ts';
import { emitReduction } from './reduce-core.ts';
import { reduceType } from './reduce-lanes.ts';

export interface ScatterAdd {
  /** int32 of any shape. */
  readonly indices: Prologue;
  /** The indices' shape, then rows of `inner` elements. */
  readonly updates: Prologue;
  /** Rows of the output. */
  readonly extent: number;
  readonly inner: number;
  /** [extent, inner] */
  readonly out: Operand;
  readonly epilogue?: Epilogue;
}

/** out[r] = the sum of the updates whose index is r; an index outside of [0, extent) adds nothing. */
export function emitScatterAdd(
  emitter: Emitter,
  { indices, updates, extent, inner, out, epilogue }: ScatterAdd,
): void {
  const count = indices.shape.reduce((product, d) => product * d, 1);
  const type = reduceType(updates.dtype);
  emitReduction(emitter, {
    label: `scatterAdd of ${count}×${inner} to ${extent}`,
    shape: [count, extent * inner],
    axes: [0],
    reads: { ...indices.reads, ...updates.reads },
    code: indices.code === updates.code ? indices.code : `${indices.code}\n${updates.code}`,
    // The zero is written out: lavapipe keeps a variable without one from one turn of a loop to the next.
    element: (_, j) =>
      `var update = ${type}(0); if (${indices.load(j)} == i32(row / ${inner}u)) { let source = ${j} * ${inner}u + row % ${inner}u; update = ${updates.load('source')}; }`,
    terms: [{ name: 'total', op: 'sum', type, value: 'update' }],
    storeReads: { ...epilogue?.reads },
    writes: { out },
    storeCode: epilogue?.code ?? '',
    store: (row) => `out[out_at() + ${row}] = ${stored('total', row, out, epilogue)};`,
  });
}
