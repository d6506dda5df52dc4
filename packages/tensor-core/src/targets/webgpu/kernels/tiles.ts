/** Pieces of WGSL that matrix products and convolutions share: grids, batches, loads as f32, stores behind an epilogue. */
import { type DType } from '../../../dtype.ts';
import { canBeVectors, storageBytes, storageType } from '../assemble.ts';
import { type Capabilities, type Emitter, type Epilogue, type Kernel, type Operand } from '../kernel.ts';

/** What a dimension of a dispatch may be, on every device. */
const MAX_WORKGROUPS = 65_535;

export function ceilDiv(a: number, b: number): number {
  return Math.ceil(a / b);
}

/** `f(0)` to `f(n - 1)`, a line each. */
export function lines(n: number, f: (i: number) => string): string {
  return Array.from({ length: n }, (_, i) => f(i)).join('\n');
}

/** `f(0)` to `f(n - 1)` as arguments. */
export function list(n: number, f: (i: number) => string): string {
  return Array.from({ length: n }, (_, i) => f(i)).join(', ');
}

/** How workgroups are counted: as dispatched, and as the code sees them. */
export interface Grid {
  readonly workgroups: readonly [number, number, number];
  /** Declares `tile: vec3u` from the built-in `group: vec3u`; may return, for whole workgroups. */
  readonly code: string;
}

/** A grid of x · y · z workgroups, x fastest, folded where a dimension is over what devices allow. */
export function gridOf(x: number, y: number, z: number): Grid {
  if (Math.max(x, y, z) <= MAX_WORKGROUPS) return { workgroups: [x, y, z], code: 'let tile = group;' };
  const total = x * y * z;
  const width = Math.min(total, MAX_WORKGROUPS);
  const height = Math.min(ceilDiv(total, width), MAX_WORKGROUPS);
  const depth = ceilDiv(total, width * height);
  return {
    workgroups: [width, height, depth],
    code: `let linear = (group.z * ${height}u + group.y) * ${width}u + group.x;
  if (linear >= ${total}u) { return; }
  let tile = vec3u(linear % ${x}u, (linear / ${x}u) % ${y}u, linear / ${x * y}u);`,
  };
}

/** The head of `run` that declares `group`, `tile` and the invocation's index `lane`. */
export function runOf(grid: Grid): string {
  return `fn run(group: vec3u, lane: u32) {
  ${grid.code}`;
}

/** An expression of type f32, or vec4f where `width` is 4, from one of the operand's type in memory. */
export function asF32(expression: string, dtype: DType, width: 1 | 4 = 1): string {
  if (dtype === 'float32') return expression;
  return width === 4 ? `vec4f(${expression})` : `f32(${expression})`;
}

/** Leading axes of a product: their extents, and the elements between neighbours along each in both operands. */
export interface Batch {
  readonly shape: readonly number[];
  /** 0 where the operand is broadcast. */
  readonly a: readonly number[];
  readonly b: readonly number[];
}

/** The same batch with as few axes as possible. */
export function collapseBatch({ shape, a, b }: Batch): Batch {
  const axes: { extent: number; a: number; b: number }[] = [];
  shape.forEach((extent, i) => {
    if (extent === 1) return;
    const outer = axes.at(-1);
    const inner = { extent, a: a[i]!, b: b[i]! };
    if (outer && outer.a === inner.a * extent && outer.b === inner.b * extent) {
      axes[axes.length - 1] = { ...inner, extent: outer.extent * extent };
    } else axes.push(inner);
  });
  return { shape: axes.map((x) => x.extent), a: axes.map((x) => x.a), b: axes.map((x) => x.b) };
}

export function countOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** A u32 expression: where the batch `index` (a u32 expression) begins, with these elements between neighbours. */
export function batchStart(shape: readonly number[], strides: readonly number[], index: string): string {
  const terms: string[] = [];
  let inner = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const extent = shape[axis]!;
    const above = inner === 1 ? index : `(${index} / ${inner}u)`;
    const at = axis === 0 ? above : `(${above} % ${extent}u)`;
    if (strides[axis] !== 0) terms.push(`${at} * ${strides[axis]}u`);
    inner *= extent;
  }
  return terms.length === 0 ? '0u' : terms.join(' + ');
}

/** True where every multiple of the strides, from the operand's start on, is the start of a vec4. */
export function inVectors(
  operand: Operand,
  { bindingAlignment }: Capabilities,
  strides: readonly number[],
): boolean {
  return canBeVectors(operand, bindingAlignment) && strides.every((stride) => stride % 4 === 0);
}

/** How many of `units` equal parts of each operand fit into a binding together, at least one. */
export function unitsThatFit(
  units: number,
  operands: readonly Operand[],
  { bindingBytes, bindingAlignment }: Capabilities,
): number {
  const bytes = Math.max(...operands.map(({ value, size }) => (size / units) * storageBytes(value.dtype)));
  return Math.max(1, Math.min(units, Math.floor((bindingBytes - bindingAlignment) / bytes)));
}

/** `count` of the operand's `units` equal parts. */
export function unitsOf(
  { value, offset, size }: Operand,
  units: number,
  first: number,
  count: number,
): Operand {
  const each = size / units;
  return { value, offset: offset + first * each, size: count * each };
}

/** The epilogue of a part of the output that begins at element `start`. */
export function epilogueFrom(epilogue: Epilogue | undefined, start: number): { epilogue?: Epilogue } {
  if (!epilogue) return {};
  const from = (i: string): string => `(${i} + ${start}u)`;
  const { place } = epilogue;
  return {
    epilogue: {
      ...epilogue,
      apply: (v, i) => epilogue.apply(v, from(i)),
      ...(place && { place: { ...place, at: (i) => place.at(from(i)) } }),
    },
  };
}

/** True where four neighbours from a multiple of 4 on are stored as such. */
export function inFours(epilogue: Epilogue | undefined): boolean {
  return epilogue?.place?.inFours ?? true;
}

/** Stores results, finished by the epilogue. */
export class Store {
  readonly reads: Kernel['reads'];
  readonly code: string;
  readonly #operand: Operand;
  readonly #epilogue: Epilogue | undefined;

  /** @param operand named `y` in the code, an array of vec4 wherever `vector` is called */
  constructor(operand: Operand, epilogue: Epilogue | undefined) {
    this.reads = epilogue?.reads ?? {};
    this.code = epilogue?.code ?? '';
    this.#operand = operand;
    this.#epilogue = epilogue;
  }

  /** A statement that stores the f32 expression `v` as element `i`. */
  scalar(v: string, i: string): string {
    return `y[y_at() + ${this.#place(i)}] = ${this.#finished(v, i)};`;
  }

  /** A statement that stores the vec4f `v` as the elements `i` to `i + 3`; `v` and `i` are names. See `inFours`. */
  vector(v: string, i: string): string {
    const type = storageType(this.#operand.value.dtype);
    const four = list(4, (j) => this.#finished(`${v}[${j}]`, j === 0 ? i : `(${i} + ${j}u)`));
    return `y[y_at() + ${this.#place(i)} / 4u] = ${this.#epilogue || type !== 'f32' ? `vec4<${type}>(${four})` : v};`;
  }

  #place(i: string): string {
    return this.#epilogue?.place?.at(i) ?? i;
  }

  #finished(v: string, i: string): string {
    if (this.#epilogue) return this.#epilogue.apply(v, i);
    return this.#operand.value.dtype === 'float16' ? `f16(${v})` : v;
  }
}

/** A temporary of f32 elements, and its operand. */
export function scratch(emitter: Emitter, shape: readonly number[], label: string): Operand {
  const value = emitter.temporary({ shape, dtype: 'float32' }, label);
  return { value, offset: 0, size: countOf(shape) };
}
