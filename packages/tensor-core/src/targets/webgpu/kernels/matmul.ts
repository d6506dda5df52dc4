/** Matrix products, batched and broadcast: which kernels there are for a shape, and which is taken untuned. */
import { type Emitter, type Variant } from '../kernel.ts';
import { matmulFlops, matmulLabel, type MatmulSpec } from './gemm.ts';
import { emitDots } from './gemm-dots.ts';
import { emitLanes, laneBlocks } from './gemm-lanes.ts';
import { matrixSource } from './gemm-source.ts';
import { emitTiled } from './gemm-tiled.ts';
import { tilingsFor } from './gemm-tilings.ts';
import { withRowsOfB } from './gemm-transpose.ts';
import { collapseBatch, countOf, inVectors } from './tiles.ts';

export { type MatmulSpec } from './gemm.ts';

/** Columns under which lanes along them are mostly idle. */
const FEW_COLUMNS = 8;

/** Rows from which on moving b once is cheaper than reading it against its grain. */
const MANY_ROWS = 16;

/** Rows or columns up to which a tile is mostly empty. */
const THIN = 4;

/** Emits out = epilogue(a · b), summed in f32. Every extent is at least 1. */
export function emitMatmul(emitter: Emitter, spec: MatmulSpec): void {
  const folded = foldRows({ ...spec, batch: collapseBatch(spec.batch) });
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
    vectors: inVectors(out, capabilities, [n]),
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
