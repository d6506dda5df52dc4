/**
 * What GroupNorm (Wu & He 2018) needs of whole groups: mean and deviation. Everything else about it is elementwise, and
 * backwards what norm-gradient.ts sums.
 */
import { type Emitter, type Kernel, type Operand, type Prologue, whole } from '../kernel.ts';
import { emitReduction } from './reduce-core.ts';
import { passCode, rowCode, RUN, type Term, treeCode, treeMemory } from './reduce-lanes.ts';
import {
  positionCode,
  type ReduceGroups,
  reduceGroups,
  splitOf,
  type Spread,
  spreadOf,
  workgroupGrid,
} from './reduce-plan.ts';

export interface NormStatistics {
  /** [N, G, R]: R elements are normalised together. */
  readonly input: Prologue;
  /** Added to the variance, which is the mean square without Bessel's correction. */
  readonly eps: number;
  /** float32 [N · G, 2]: μ and 1 / √(σ² + ε). */
  readonly out: Operand;
}

/** Mean and inverse deviation of each group. The variance is taken of centred values: it keeps its digits far from 0. */
export function emitNormStatistics(emitter: Emitter, statistics: NormStatistics): void {
  const groups = reduceGroups(statistics.input.shape, [2]);
  if (groups.outputs === 0) return;
  const spread = spreadOf(groups, emitter.capabilities);
  const { parts } = splitOf(groups, spread, emitter.capabilities.software);
  if (parts > 1) emitInTwoPasses(emitter, statistics);
  else emitter.emit(statisticsKernel(statistics, groups, spread));
}

const meanTerm: Term = { name: 'mean', op: 'sum', type: 'f32', value: 'x' };
const squareTerm: Term = { name: 'squares', op: 'sum', type: 'f32', value: 'd * d' };

function storeStatistics(mean: string, eps: number, length: number): string {
  return `out[out_at() + 2u * row] = ${mean}; out[out_at() + 2u * row + 1u] = 1.0 / sqrt(squares / ${length}.0 + f32(${eps}));`;
}

/** One reduction for the means, one for the centred squares: for few groups of many elements. */
function emitInTwoPasses(emitter: Emitter, { input, eps, out }: NormStatistics): void {
  const [n, g, length] = input.shape as [number, number, number];
  const mean = emitter.temporary({ shape: [n * g], dtype: 'float32' }, 'means of groups');
  const shared = { shape: input.shape, axes: [2], code: input.code, storeCode: '' };
  emitReduction(emitter, {
    ...shared,
    label: `means of ${input.shape.join('×')}`,
    reads: input.reads,
    element: (i) => `let x = ${input.load(i)};`,
    terms: [meanTerm],
    storeReads: {},
    writes: { mean_out: whole(mean) },
    store: (row) => `mean_out[mean_out_at() + ${row}] = mean / ${length}.0;`,
  });
  emitReduction(emitter, {
    ...shared,
    label: `deviations of ${input.shape.join('×')}`,
    reads: { ...input.reads, mean: whole(mean) },
    element: (i) => `let d = ${input.load(i)} - mean[mean_at() + ${i} / ${length}u];`,
    terms: [squareTerm],
    storeReads: { mean: whole(mean) },
    writes: { out },
    store: (row) => storeStatistics(`mean[mean_at() + ${row}]`, eps, length),
  });
}

/** A group is read twice in one kernel, the second time from the cache. */
function statisticsKernel({ input, eps, out }: NormStatistics, groups: ReduceGroups, spread: Spread): Kernel {
  const { outputs, length } = groups;
  const grid = workgroupGrid(Math.ceil(outputs / spread.width));
  const lines = [
    input.code,
    positionCode('row_position', groups.kept),
    positionCode('element_position', groups.reduced),
    RUN,
    ...rowCode(spread, `(${grid.index})`, outputs),
    '  let begin = lane;',
    `  let end = ${length}u;`,
    `  const step = ${spread.lanes}u;`,
    '  let base = row_position(row);',
    ...passCode({ element: (i) => `let x = ${input.load(i)};`, terms: [meanTerm] }, length),
    ...treeCode([meanTerm], spread),
    `  mean /= ${length}.0;`,
    ...passCode({ element: (i) => `let d = ${input.load(i)} - mean;`, terms: [squareTerm] }, length),
    ...treeCode([squareTerm], spread),
    `  if (lane == 0u && wanted < ${outputs}u) { ${storeStatistics('mean', eps, length)} }`,
    '}',
  ];
  return {
    label: `group statistics of ${input.shape.join('×')}`,
    body: lines.filter((line) => line !== '').join('\n'),
    reads: input.reads,
    writes: { out },
    invocations: spread.width * spread.lanes,
    shared: treeMemory([meanTerm, squareTerm], spread),
    workgroups: grid.workgroups,
    flops: 4 * outputs * length,
  };
}
