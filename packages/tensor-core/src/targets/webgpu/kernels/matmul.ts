/** Matrix products, batched and broadcast: which kernels there are for a shape, and which is taken untuned. */
import { type Capabilities, type Emitter, type Variant } from '../kernel.ts';
import { matmulFlops, matmulLabel, type MatmulSpec } from './gemm.ts';
import { emitDots } from './gemm-dots.ts';
import { emitLanes, laneBlocks } from './gemm-lanes.ts';
import { matrixSource } from './gemm-source.ts';
import { emitTiled } from './gemm-tiled.ts';
import { tilingsFor } from './gemm-tilings.ts';
import { withRowsOfB } from './gemm-transpose.ts';
import { collapseBatch, countOf, epilogueFrom, inFours, inVectors, unitsOf, unitsThatFit } from './tiles.ts';

export { type MatmulSpec } from './gemm.ts';

/** Columns under which lanes along them are mostly idle. */
const FEW_COLUMNS = 8;

/** Rows from which on moving b once is cheaper than reading it against its grain. */
const MANY_ROWS = 16;

/** Rows or columns up to which a tile is mostly empty. */
const THIN = 4;

/**
 * Emits out = epilogue(a · b), summed in f32. Every extent is at least 1. Operands over what a binding may hold are taken
 * in parts of the batch or of the rows; what the epilogue reads is not.
 */
export function emitMatmul(emitter: Emitter, spec: MatmulSpec): void {
  const folded = foldRows({ ...spec, batch: collapseBatch(spec.batch) });
  const parts = partsOf(folded, emitter.capabilities);
  if (parts.length > 1) {
    for (const part of parts) emitMatmul(emitter, part);
    return;
  }
  const { m, n, k, batch, transposeA, transposeB, a } = folded;
  const letters = `${transposeA ? 't' : 'n'}${transposeB ? 't' : 'n'}`;
  const key = `matmul ${letters} ${[...batch.shape, m, n, k].join('x')} ${a.value.dtype}`;
  const [first, ...others] = emitter.capabilities.software
    ? softwareVariants(emitter, folded)
    : hardwareVariants(emitter, folded);
  if (first) emitter.choose(key, [first, ...others]);
}

/** Rows of all batches are rows of one matrix where b is the same for all. */
function foldRows(spec: MatmulSpec): MatmulSpec {
  const { batch, transposeA, m, k } = spec;
  const alone = batch.shape.length === 1 && batch.b[0] === 0 && batch.a[0] === m * k;
  if (!alone || transposeA) return spec;
  return { ...spec, m: m * batch.shape[0]!, batch: { shape: [], a: [], b: [] } };
}

/** The product cut so that its parts fit into bindings: by the batch, or where there is none by rows. */
function partsOf(spec: MatmulSpec, capabilities: Capabilities): MatmulSpec[] {
  const { a, b, out, m, batch, transposeA, epilogue } = spec;
  const [extent, ...inner] = batch.shape;
  if (extent === undefined && transposeA) return [spec];
  const units = extent ?? m;
  const isCut = { a: extent === undefined || batch.a[0] !== 0, b: extent !== undefined && batch.b[0] !== 0 };
  // What is stored in another order is so all over the output.
  const isOutCut = epilogue?.place === undefined;
  const cut = [...(isOutCut ? [out] : []), ...(isCut.a ? [a] : []), ...(isCut.b ? [b] : [])];
  const most = cut.length === 0 ? units : unitsThatFit(units, cut, capabilities);
  const parts: MatmulSpec[] = [];
  for (let first = 0; first < units && most < units; first += most) {
    const count = Math.min(most, units - first);
    parts.push({
      ...spec,
      a: isCut.a ? unitsOf(a, units, first, count) : a,
      b: isCut.b ? unitsOf(b, units, first, count) : b,
      out: isOutCut ? unitsOf(out, units, first, count) : out,
      ...(extent === undefined ? { m: count } : { batch: { ...batch, shape: [count, ...inner] } }),
      ...epilogueFrom(epilogue, (first * out.size) / units),
    });
  }
  return parts;
}

function softwareVariants(emitter: Emitter, spec: MatmulSpec): Variant[] {
  const dots: Variant = { name: 'dots', emit: () => emitDots(emitter, spec) };
  if (spec.n < FEW_COLUMNS) return [dots];
  const blocks = laneBlocks(spec);
  const lanes = blocks.map((block) => ({
    name: `lanes ${block.rows}x${block.width}`,
    emit: () => emitLanes(emitter, spec, block),
  }));
  if (!spec.transposeB) return [...lanes, dots];
  const moved = blocks.map((block) => ({
    name: `moved lanes ${block.rows}x${block.width}`,
    emit: () => emitLanes(emitter, withRowsOfB(emitter, spec), block),
  }));
  return spec.m >= MANY_ROWS ? [...moved, ...lanes, dots] : [...lanes, ...moved, dots];
}

function hardwareVariants(emitter: Emitter, spec: MatmulSpec): Variant[] {
  const { m, n, k, batch, out, epilogue } = spec;
  const { capabilities } = emitter;
  const batches = countOf(batch.shape);
  const target = {
    out,
    at: (z: string, row: string, column: string) => `(${z} * ${m}u + ${row}) * ${n}u + ${column}`,
    vectors: inVectors(out, capabilities, [n]) && inFours(epilogue),
    ...(epilogue && { epilogue }),
  };
  const tiled = tilingsFor({ m, n, k, batches }, capabilities).map((tiling) => ({
    name: `tiled ${tiling.name}`,
    emit: () => {
      const a = matrixSource('a', spec, capabilities);
      const b = matrixSource('b', spec, capabilities);
      const [label, flops] = [matmulLabel(spec), matmulFlops(spec)];
      emitTiled(emitter, { label, m, n, k, batches, a, b, target, flops }, tiling);
    },
  }));
  const dots: Variant = { name: 'dots', emit: () => emitDots(emitter, spec) };
  return Math.min(m, n) <= THIN ? [dots, ...tiled] : [...tiled, dots];
}
