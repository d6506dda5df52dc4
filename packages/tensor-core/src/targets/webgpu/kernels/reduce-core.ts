/**
 * Reductions of several values over one domain in one pass, as one kernel or two.
 *
 * An output's elements are dealt out to lanes (`reduce-plan.ts`). Each lane keeps four running values, lanes of a
 * workgroup meet in a tree in workgroup memory, and where an output was cut into parts a second reduction joins them.
 * Nothing is atomic, so results are the same bits on every run; and since no sum runs over more than some thousand
 * elements, rounding errors stay near those of pairwise summation.
 */
import { type DType } from '../../../dtype.ts';
import { type Shape } from '../../../shape.ts';
import { type Emitter, type Kernel, type Operand, type Value, whole } from '../kernel.ts';
import { type Pass, passCode, type ReduceType, rowCode, RUN, treeCode, treeMemory } from './reduce-lanes.ts';
import {
  positionCode,
  type ReduceGroups,
  reduceGroups,
  type Split,
  splitOf,
  type Spread,
  spreadOf,
  workgroupGrid,
} from './reduce-plan.ts';

export interface Reduction extends Pass {
  readonly label: string;
  readonly shape: Shape;
  readonly axes: readonly number[];
  /** What `element` reads, and the functions that it calls. */
  readonly reads: Readonly<Record<string, Operand>>;
  readonly code: string;
  /** What `store` reads and writes, and the functions that it calls. */
  readonly storeReads: Readonly<Record<string, Operand>>;
  readonly writes: Readonly<Record<string, Operand>>;
  readonly storeCode: string;
  /** Statements that store the terms' variables. @param row a name of type u32: the output */
  readonly store: (row: string) => string;
}

const dtypes: Readonly<Record<ReduceType, DType>> = { f32: 'float32', i32: 'int32', u32: 'uint8' };

/** Emits the kernels of a reduction; none where it has no outputs. A maximum must be over something. */
export function emitReduction(emitter: Emitter, reduction: Reduction): void {
  const { shape, axes, terms } = reduction;
  const groups = reduceGroups(shape, axes);
  if (groups.outputs === 0) return;
  const spread = spreadOf(groups, emitter.capabilities);
  const split = splitOf(groups, spread, emitter.capabilities.software);
  if (split.parts === 1) {
    emitter.emit(passKernel(reduction, groups, spread, split));
    return;
  }
  const partials = terms.map(({ type, name }) =>
    emitter.temporary({ shape: [split.parts, groups.outputs], dtype: dtypes[type] }, `parts of ${name}`),
  );
  emitter.emit(passKernel(storingParts(reduction, partials, groups.outputs), groups, spread, split));
  emitReduction(emitter, joiningParts(reduction, partials, [split.parts, groups.outputs]));
}

function operandsOf(partials: readonly Value[], name: string): Record<string, Operand> {
  return Object.fromEntries(partials.map((value, t) => [`${name}${t}`, whole(value)]));
}

/** The first pass: what it stores of part p of output o is element [p, o] of the partials. */
function storingParts(reduction: Reduction, partials: readonly Value[], outputs: number): Reduction {
  return {
    ...reduction,
    storeReads: {},
    writes: operandsOf(partials, 'made'),
    storeCode: '',
    label: `${reduction.label}, in parts`,
    store: (row) =>
      reduction.terms
        .map(({ name }, t) => `made${t}[made${t}_at() + part * ${outputs}u + ${row}] = ${name};`)
        .join(' '),
  };
}

/** The second pass: over the partials, storing what the whole reduction stores. */
function joiningParts(reduction: Reduction, partials: readonly Value[], shape: Shape): Reduction {
  return {
    ...reduction,
    reads: operandsOf(partials, 'partial'),
    code: '',
    label: `${reduction.label}, parts joined`,
    shape,
    axes: [0],
    element: (i) => partials.map((_, t) => `let part${t} = partial${t}[partial${t}_at() + ${i}];`).join(' '),
    terms: reduction.terms.map((term, t) => ({ ...term, value: `part${t}` })),
  };
}

function passKernel(reduction: Reduction, groups: ReduceGroups, spread: Spread, split: Split): Kernel {
  const { outputs, length } = groups;
  const { terms } = reduction;
  const interleaved = split.chunk === undefined;
  const blocks = Math.ceil((interleaved ? outputs * split.parts : outputs) / spread.width);
  const grid = workgroupGrid(interleaved ? blocks : blocks * split.parts);
  const lines = [
    reduction.code,
    reduction.storeCode,
    positionCode('row_position', groups.kept),
    positionCode('element_position', groups.reduced),
    RUN,
    `  let block = ${grid.index};`,
    ...(interleaved ? interleavedCode(spread, split, outputs) : partCode(spread, split, blocks, outputs)),
    ...rangeCode(spread, split, length),
    '  let base = row_position(row);',
    ...passCode(reduction, length),
    ...treeCode(terms, spread),
    `  if (${spread.lanes > 1 ? 'lane == 0u && ' : ''}wanted < ${outputs}u) {`,
    `    ${reduction.store('row')}`,
    '  }',
    '}',
  ];
  return {
    label: reduction.label,
    body: lines.filter((line) => line !== '').join('\n'),
    reads: { ...reduction.reads, ...reduction.storeReads },
    writes: reduction.writes,
    invocations: spread.width * spread.lanes,
    shared: treeMemory(terms, spread),
    workgroups: grid.workgroups,
    flops: outputs * length * terms.length,
  };
}

/** Declares `lane`, `part` and `row` where parts are blocks of a row. */
function partCode(spread: Spread, { parts }: Split, blocks: number, outputs: number): string[] {
  if (parts === 1) return rowCode(spread, 'block', outputs);
  return [`  let part = block / ${blocks}u;`, ...rowCode(spread, `(block % ${blocks}u)`, outputs)];
}

/** Declares them where neighbouring invocations have neighbouring parts of a row, a lane each. */
function interleavedCode({ width }: Spread, { parts }: Split, outputs: number): string[] {
  return [
    `  let item = block * ${width}u + invocation;`,
    `  let part = item % ${parts}u;`,
    `  let wanted = item / ${parts}u;`,
    `  let row = min(wanted, ${outputs - 1}u);`,
  ];
}

/** Declares which elements of the row are the lane's. */
function rangeCode({ lanes }: Spread, { parts, chunk }: Split, length: number): string[] {
  if (chunk === undefined)
    return ['  let begin = part;', `  let end = ${length}u;`, `  const step = ${parts}u;`];
  return [
    `  let begin = ${parts === 1 ? '' : `part * ${chunk}u + `}${lanes === 1 ? '0u' : 'lane'};`,
    `  let end = ${parts === 1 ? `${length}u` : `min(${length}u, (part + 1u) * ${chunk}u)`};`,
    `  const step = ${lanes}u;`,
  ];
}
