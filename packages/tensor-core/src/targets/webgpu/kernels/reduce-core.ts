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

export type ReduceOp = 'sum' | 'max';
/** WGSL types that values are kept in while they are reduced. */
export type ReduceType = 'f32' | 'i32' | 'u32';

/** One of the values that a pass computes. */
export interface Term {
  readonly op: ReduceOp;
  readonly type: ReduceType;
  /** An expression over the names that `element` declares. */
  readonly value: string;
}

export interface Reduction {
  readonly label: string;
  readonly shape: Shape;
  readonly axes: readonly number[];
  /** What `element` reads, and the functions that it calls. */
  readonly reads: Readonly<Record<string, Operand>>;
  readonly code: string;
  /** Statements that declare what the terms are made of. @param i a name of type u32: the element's linear index */
  readonly element: (i: string) => string;
  readonly terms: readonly Term[];
  /** What `store` reads and writes, and the functions that it calls. */
  readonly storeReads: Readonly<Record<string, Operand>>;
  readonly writes: Readonly<Record<string, Operand>>;
  readonly storeCode: string;
  /** Statements that store an output. @param values names, one a term @param row a name of type u32: the output */
  readonly store: (values: readonly string[], row: string) => string;
}

const dtypes: Readonly<Record<ReduceType, DType>> = { f32: 'float32', i32: 'int32', u32: 'uint8' };

/** The WGSL type that elements of `dtype` are reduced in. */
export function reduceType(dtype: DType): ReduceType {
  if (dtype === 'float32' || dtype === 'float16') return 'f32';
  return dtype === 'int32' ? 'i32' : 'u32';
}

/** Running values of a lane: independent, so that their latencies overlap. */
const RUNNING = 4;

/** An expression of both. */
export function combined(op: ReduceOp, a: string, b: string): string {
  return op === 'sum' ? `${a} + ${b}` : `max(${a}, ${b})`;
}

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
  const partials = terms.map(({ type }, t) =>
    emitter.temporary({ shape: [split.parts, groups.outputs], dtype: dtypes[type] }, `partial${t}`),
  );
  emitter.emit(passKernel(storingPartials(reduction, partials, groups.outputs), groups, spread, split));
  emitReduction(emitter, joiningPartials(reduction, partials, [split.parts, groups.outputs]));
}

function operandsOf(partials: readonly Value[], name: string): Record<string, Operand> {
  return Object.fromEntries(partials.map((value, t) => [`${name}${t}`, whole(value)]));
}

/** The first pass: what it stores of part p of output o is element [p, o] of the partials. */
function storingPartials(reduction: Reduction, partials: readonly Value[], outputs: number): Reduction {
  return {
    ...reduction,
    storeReads: {},
    writes: operandsOf(partials, 'made'),
    storeCode: '',
    label: `${reduction.label}, in parts`,
    store: (values, row) =>
      values.map((v, t) => `made${t}[made${t}_at() + part * ${outputs}u + ${row}] = ${v};`).join(' '),
  };
}

/** The second pass: over the partials, storing what the whole reduction stores. */
function joiningPartials(reduction: Reduction, partials: readonly Value[], shape: Shape): Reduction {
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
  const interleaved = split.chunk === undefined;
  const blocks = Math.ceil((interleaved ? outputs * split.parts : outputs) / spread.width);
  const grid = workgroupGrid(interleaved ? blocks : blocks * split.parts);
  const { terms } = reduction;
  const lines = [
    reduction.code,
    reduction.storeCode,
    positionCode('row_position', groups.kept),
    positionCode('element_position', groups.reduced),
    ...(spread.lanes > 1 ? treeStorage(terms, spread) : []),
    `@compute @workgroup_size(${spread.width * spread.lanes})`,
    'fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) invocation: u32) {',
    `  let block = ${grid.index};`,
    ...rowCode(spread, split, blocks, outputs),
    ...rangeCode(spread, split, length),
    '  let base = row_position(row);',
    ...loopCode(reduction, length),
    ...terms.map((term, t) => `  var result${t} = ${joinRunning(term.op, t)};`),
    ...(spread.lanes > 1 ? treeCode(terms, spread) : []),
    `  if (${spread.lanes > 1 ? 'lane == 0u && ' : ''}wanted < ${outputs}u) {`,
    `    ${reduction.store(
      terms.map((_, t) => `result${t}`),
      'row',
    )}`,
    '  }',
    '}',
  ];
  return {
    label: reduction.label,
    body: lines.filter((line) => line !== '').join('\n'),
    reads: { ...reduction.reads, ...reduction.storeReads },
    writes: reduction.writes,
    workgroups: grid.workgroups,
    flops: outputs * length * terms.length,
  };
}

/** Declares `lane`, `part`, and `row`: the output, `wanted`, held inside of what exists. */
function rowCode(
  { width, lanes, lanesFirst }: Spread,
  split: Split,
  blocks: number,
  outputs: number,
): string[] {
  if (split.chunk === undefined) {
    return [
      `  let item = block * ${width}u + invocation;`,
      '  let lane = 0u;',
      `  let part = item % ${split.parts}u;`,
      `  let wanted = item / ${split.parts}u;`,
      `  let row = min(wanted, ${outputs - 1}u);`,
    ];
  }
  const [lane, column] = lanesFirst
    ? [`invocation % ${lanes}u`, `invocation / ${lanes}u`]
    : [`invocation / ${width}u`, `invocation % ${width}u`];
  return [
    `  let lane = ${lanes === 1 ? '0u' : lane};`,
    `  let part = ${split.parts === 1 ? '0u' : `block / ${blocks}u`};`,
    `  let wanted = ${split.parts === 1 ? 'block' : `block % ${blocks}u`} * ${width}u + ${lanes === 1 ? 'invocation' : column};`,
    `  let row = min(wanted, ${outputs - 1}u);`,
  ];
}

/** Declares the lane's elements: `begin`, `begin + step`, … below `end`. */
function rangeCode({ lanes }: Spread, { parts, chunk }: Split, length: number): string[] {
  if (chunk === undefined)
    return [`  let begin = part;`, `  let end = ${length}u;`, `  const step = ${parts}u;`];
  return [
    `  let begin = ${parts === 1 ? 'lane' : `part * ${chunk}u + lane`};`,
    `  let end = ${parts === 1 ? `${length}u` : `min(${length}u, (part + 1u) * ${chunk}u)`};`,
    `  const step = ${lanes}u;`,
  ];
}

/** Reduces the lane's elements to the running values `running_<term>_<n>`. */
function loopCode({ element, terms }: Reduction, length: number): string[] {
  const update = (n: number, at: string): string =>
    `    { let i = base + element_position(${at}); ${element('i')} ${terms
      .map(
        ({ op, value }, t) =>
          `running_${t}_${n} = ${op === 'sum' ? `running_${t}_${n} + (${value})` : `max(running_${t}_${n}, ${value})`};`,
      )
      .join(' ')} }`;
  const all = Array.from({ length: RUNNING }, (_, n) => n);
  return [
    ...terms.flatMap(({ type }, t) => all.map((n) => `  var running_${t}_${n}: ${type};`)),
    ...(terms.some(({ op }) => op === 'max') ? firstCode({ element, terms }, length, all) : []),
    '  var at = begin;',
    `  for (; at + ${RUNNING - 1}u * step < end; at += ${RUNNING}u * step) {`,
    ...all.map((n) => update(n, n === 0 ? 'at' : `at + ${n}u * step`)),
    '  }',
    '  for (; at < end; at += step) {',
    update(0, 'at'),
    '  }',
  ];
}

/** A maximum begins with some element of its row: there is no literal of −∞, and a lane may have no element. */
function firstCode(
  { element, terms }: Pick<Reduction, 'element' | 'terms'>,
  length: number,
  all: readonly number[],
): string[] {
  const starts = terms.flatMap(({ op, value }, t) =>
    op === 'max' ? all.map((n) => `running_${t}_${n} = ${value};`) : [],
  );
  return [
    `  { let i = base + element_position(min(begin, ${length - 1}u)); ${element('i')} ${starts.join(' ')} }`,
  ];
}

function joinRunning(op: ReduceOp, t: number): string {
  const name = (n: number): string => `running_${t}_${n}`;
  const pairs = [combined(op, name(0), name(1)), combined(op, name(2), name(3))];
  return op === 'sum' ? `(${pairs[0]!}) + (${pairs[1]!})` : combined(op, pairs[0]!, pairs[1]!);
}

/** Workgroup memory that `treeCode` uses. */
export function treeStorage(terms: readonly Pick<Term, 'type'>[], { width, lanes }: Spread): string[] {
  return terms.map(({ type }, t) => `var<workgroup> shared${t}: array<${type}, ${width * lanes}>;`);
}

/** Reduces `result0`, `result1`, … over the lanes of each row; all lanes hold the result then. Wants uniform control flow. */
export function treeCode(terms: readonly Pick<Term, 'op'>[], { width, lanes, lanesFirst }: Spread): string[] {
  const names = terms.map((_, t) => t);
  const lines = [...names.map((t) => `  shared${t}[invocation] = result${t};`), '  workgroupBarrier();'];
  for (let apart = lanes / 2; apart >= 1; apart /= 2) {
    const other = `invocation + ${lanesFirst ? apart : apart * width}u`;
    const updates = names.map(
      (t) =>
        `shared${t}[invocation] = ${combined(terms[t]!.op, `shared${t}[invocation]`, `shared${t}[${other}]`)};`,
    );
    lines.push(`  if (lane < ${apart}u) { ${updates.join(' ')} }`, '  workgroupBarrier();');
  }
  const first = lanesFirst ? 'invocation - lane' : `invocation % ${width}u`;
  return [...lines, ...names.map((t) => `  result${t} = shared${t}[${first}];`)];
}
