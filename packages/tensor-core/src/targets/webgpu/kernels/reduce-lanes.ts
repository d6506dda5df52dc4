/**
 * The WGSL in which the lanes of a row go over its elements and meet: for everything that reduces rows.
 *
 * The code is in terms of names that the kernel declares: `invocation` in the workgroup, `row` (the output) and `lane`
 * (within the row), and `base`, `begin`, `step`, `end`: the lane's elements are those at `base + element_position(j)`
 * with j = begin, begin + step, … below end.
 */
import { type DType } from '../../../dtype.ts';
import { type SharedArray } from '../kernel.ts';
import { type Spread } from './reduce-plan.ts';

export type ReduceOp = 'sum' | 'max';
/** WGSL types that values are kept in while they are reduced. */
export type ReduceType = 'f32' | 'i32' | 'u32';

/** One of the values that a pass over the elements computes. */
export interface Term {
  /** The variable that holds it afterwards. */
  readonly name: string;
  readonly op: ReduceOp;
  readonly type: ReduceType;
  /** An expression over the names that `element` declares. */
  readonly value: string;
}

/** A pass over the elements of a row. */
export interface Pass {
  /**
   * Statements that declare what the terms are made of.
   *
   * @param i a name of type u32: the element's linear index
   * @param j a name of type u32: its place within the row
   */
  readonly element: (i: string, j: string) => string;
  readonly terms: readonly Term[];
}

/** The WGSL type that elements of `dtype` are reduced in. */
export function reduceType(dtype: DType): ReduceType {
  if (dtype === 'float32' || dtype === 'float16') return 'f32';
  return dtype === 'int32' ? 'i32' : 'u32';
}

/** Declares `lane` and `row`: the output that is `wanted`, held inside of what exists. @param block an expression */
export function rowCode({ width, lanes, lanesFirst }: Spread, block: string, outputs: number): string[] {
  const [lane, column] = lanesFirst
    ? [`invocation % ${lanes}u`, `invocation / ${lanes}u`]
    : [`invocation / ${width}u`, `invocation % ${width}u`];
  return [
    `  let lane = ${lanes === 1 ? '0u' : lane};`,
    `  let wanted = ${block} * ${width}u + ${lanes === 1 ? 'invocation' : column};`,
    `  let row = min(wanted, ${outputs - 1}u);`,
  ];
}

/** Running values of a lane: independent, so that their latencies overlap. */
const RUNNING = [0, 1, 2, 3] as const;

function combined(op: ReduceOp, a: string, b: string): string {
  return op === 'sum' ? `${a} + ${b}` : `max(${a}, ${b})`;
}

/**
 * Reduces the lane's elements to the variables that the terms name. Their zeros are written out: lavapipe keeps a
 * variable without one from one turn of a loop to the next.
 *
 * @param length elements of a row
 */
export function passCode({ element, terms }: Pass, length: number): string[] {
  const update = (n: number, at: string): string =>
    `    { let j = ${at}; let i = base + element_position(j); ${element('i', 'j')} ${terms
      .map(({ name, op, value }) => `${name}_${n} = ${combined(op, `${name}_${n}`, `(${value})`)};`)
      .join(' ')} }`;
  const at = `at_${terms[0]!.name}`; // one of its own for each pass of a kernel
  return [
    ...terms.flatMap(({ name, type }) => RUNNING.map((n) => `  var ${name}_${n} = ${type}(0);`)),
    ...firstCode({ element, terms }, length),
    `  var ${at} = begin;`,
    `  for (; ${at} + ${RUNNING.length - 1}u * step < end; ${at} += ${RUNNING.length}u * step) {`,
    ...RUNNING.map((n) => update(n, n === 0 ? at : `${at} + ${n}u * step`)),
    '  }',
    `  for (; ${at} < end; ${at} += step) {`,
    update(0, at),
    '  }',
    ...terms.map(({ name, op }) => `  var ${name} = ${joined(op, name)};`),
  ];
}

/** A maximum begins with some element of its row: there is no literal of −∞, and a lane may have no element. */
function firstCode({ element, terms }: Pass, length: number): string[] {
  const starts = terms.flatMap(({ name, op, value }) =>
    op === 'max' ? RUNNING.map((n) => `${name}_${n} = ${value};`) : [],
  );
  if (starts.length === 0) return [];
  return [
    `  { let j = min(begin, ${length - 1}u); let i = base + element_position(j); ${element('i', 'j')} ${starts.join(' ')} }`,
  ];
}

function joined(op: ReduceOp, name: string): string {
  const pairs = [combined(op, `${name}_0`, `${name}_1`), combined(op, `${name}_2`, `${name}_3`)] as const;
  return op === 'sum' ? `(${pairs[0]}) + (${pairs[1]})` : combined(op, ...pairs);
}

/** Workgroup memory that `treeCode` uses. */
export function treeMemory(
  terms: readonly Pick<Term, 'name' | 'type'>[],
  { width, lanes }: Spread,
): Record<string, SharedArray> {
  if (lanes === 1) return {};
  return Object.fromEntries(terms.map(({ name, type }) => [`${name}_lanes`, { type, size: width * lanes }]));
}

/** Reduces the terms' variables over the lanes of each row; all lanes hold the results then. Wants uniform control flow. */
export function treeCode(
  terms: readonly Pick<Term, 'name' | 'op'>[],
  { width, lanes, lanesFirst }: Spread,
): string[] {
  if (lanes === 1) return [];
  const lines = [
    ...terms.map(({ name }) => `  ${name}_lanes[invocation] = ${name};`),
    '  workgroupBarrier();',
  ];
  for (let apart = lanes / 2; apart >= 1; apart /= 2) {
    const other = `invocation + ${lanesFirst ? apart : apart * width}u`;
    const updates = terms.map(
      ({ name, op }) =>
        `${name}_lanes[invocation] = ${combined(op, `${name}_lanes[invocation]`, `${name}_lanes[${other}]`)};`,
    );
    lines.push(`  if (lane < ${apart}u) { ${updates.join(' ')} }`, '  workgroupBarrier();');
  }
  const first = lanesFirst ? 'invocation - lane' : `invocation % ${width}u`;
  return [...lines, ...terms.map(({ name }) => `  ${name} = ${name}_lanes[${first}];`)];
}

/** The head of `run`, which declares `workgroup` and `invocation`. */
export const RUN = 'fn run(workgroup: vec3u, invocation: u32) {';
