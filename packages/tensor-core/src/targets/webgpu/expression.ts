/**
 * Nodes as WGSL: everything that is not stored is written into the kernel that needs it, element by element.
 *
 * Elementwise ops, movements, windows, lookups and random numbers are expressions of their operands' elements. Where an
 * expression is needed at two places it is written twice; at the same place, once.
 */
import { type Node } from '../../graph/node.ts';
import { DeviceError } from '../../errors.ts';
import { fromFloat16 } from '../../float16.ts';
import { sizeOf } from '../../shape.ts';
import { elementwise, helpersOf, helpers as elementwiseHelpers } from './elementwise.ts';
import { broadcast, coordinateIndex, type Index, linearIndex, reshaped, type Scribe } from './index-space.ts';
import { type Operand } from './kernel.ts';
import { philoxCode } from './kernels/random.ts';
import { computeType, fromStorage, literal, specialNumbers } from './literals.ts';
import { operandOf } from './operands.ts';

/** Ops that expressions are made of. */
export const expressionOps: ReadonlySet<string> = new Set([
  ...Object.keys(elementwise),
  ...'reshape transpose expand slice flip pad concat avgPool2d upsampleNearest2d gather randomUniform'.split(
    ' ',
  ),
]);

/** Not a function but the extension that makes f16 a type. */
export const HALF = 'f16';

interface Scope {
  readonly lines: string[];
  readonly names: Map<string, string>;
}

/** Where expressions find their operands, and say what they call. */
export interface SourceContext {
  readonly stored: ReadonlyMap<Node, Operand>;
  /** Takes in the helpers that are called. */
  readonly helpers: Set<string>;
  /** Operands' names by what they are. */
  readonly names: Map<string, string>;
}

/** What one function reads and calls. */
export class KernelSource {
  readonly reads: Record<string, Operand> = {};
  readonly #context: SourceContext;
  readonly #bound = new Set<string>();

  constructor(context: SourceContext) {
    this.#context = context;
  }

  get stored(): ReadonlyMap<Node, Operand> {
    return this.#context.stored;
  }

  /** Says that an operand is bound under a name already, for writing: reads go through the same binding. */
  bound(name: string, operand: Operand): void {
    this.#context.names.set(keyOf(operand), name);
    this.#bound.add(name);
  }

  /** The name of an operand, which is bound from now on. */
  operand(operand: Operand): string {
    const { names } = this.#context;
    const key = keyOf(operand);
    let name = names.get(key);
    if (name === undefined) names.set(key, (name = `p_${names.size}`));
    if (!this.#bound.has(name)) this.reads[name] = operand;
    return name;
  }

  help(name: string): void {
    this.#context.helpers.add(name);
  }
}

/** Text of helpers, each once, in the order of the table. */
export function helperCode(names: ReadonlySet<string>): string {
  const table: Readonly<Record<string, string>> = {
    numbers: specialNumbers,
    philox: philoxCode,
    ...elementwiseHelpers,
  };
  return Object.entries(table)
    .filter(([name]) => names.has(name))
    .map(([, code]) => code)
    .join('\n');
}

function keyOf({ value, offset, size }: Operand): string {
  return `${value.id}:${offset}:${size}`;
}

/** The body of one function. */
export class ExpressionWriter implements Scribe {
  readonly #source: KernelSource;
  readonly #scopes: Scope[] = [{ lines: [], names: new Map() }];
  readonly #given = new Map<Node, string>();
  #next = 0;

  constructor(source: KernelSource) {
    this.#source = source;
  }

  get lines(): readonly string[] {
    return this.#scopes[0]!.lines;
  }

  name(key: string, expression: () => string): string {
    return this.#named(key, () => `u32(${expression()})`);
  }

  /** Says that the node's element number `i`, a name, is `name`. */
  define(node: Node, i: string, name: string): void {
    const places = sizeOf(node.shape) === 1 ? [i, '0u'] : [i];
    for (const place of places) {
      this.#scopes[0]!.names.set(`${node.id}|${linearIndex(place, node.shape).key}`, name);
    }
  }

  /** Says that whichever element of the node is asked for is `name`: there is but one place where it is. */
  give(node: Node, name: string): void {
    this.#given.set(node, name);
  }

  /** A name or literal for the node's element at `index`, of the dtype's compute type. */
  element(node: Node, index: Index): string {
    const key = `${node.id}|${index.key}`;
    const held = this.#given.get(node) ?? this.#find(key);
    if (held !== undefined) return held;
    const constant = uniformConstant(node);
    if (constant !== undefined) {
      const text = literal(constant, node.dtype);
      if (text.includes('_bits')) this.#source.help('numbers');
      return text;
    }
    const operand = operandOf(node, this.#source.stored);
    if (operand) {
      const name = this.#source.operand(operand);
      const at = index.linear(this);
      return this.#named(key, () =>
        fromStorage(`${name}[${name}_at()${at === '0u' ? '' : ` + ${at}`}]`, node.dtype),
      );
    }
    return this.#compute(node, index, key);
  }

  /** The node's element at `index`, computed here whether it is stored or not. */
  compute(node: Node, index: Index): string {
    return this.#compute(node, index, `${node.id}|${index.key}`);
  }

  #compute(node: Node, index: Index, key: string): string {
    const [x] = node.inputs;
    switch (node.op) {
      case 'reshape':
        return this.element(x!, reshaped(index, x!.shape, this));
      case 'expand':
        return this.element(x!, broadcast(index, x!.shape, this));
      case 'transpose': {
        const permutation = node.attrs['permutation'] as readonly number[];
        const places = index.coordinates(this);
        const source: string[] = [];
        permutation.forEach((axis, i) => (source[axis] = places[i]!));
        return this.element(x!, coordinateIndex(source, x!.shape));
      }
      case 'slice': {
        const starts = node.attrs['starts'] as readonly number[];
        return this.element(x!, this.#shifted(index, starts, x!));
      }
      case 'flip': {
        const axes = node.attrs['axes'] as readonly number[];
        const places = index.coordinates(this).map((c, axis) => {
          if (!axes.includes(axis) || node.shape[axis] === 1) return c;
          return this.name(`flip ${c} ${node.shape[axis]}`, () => `${node.shape[axis]! - 1}u - ${c}`);
        });
        return this.element(x!, coordinateIndex(places, x!.shape));
      }
      case 'pad':
        return this.#pad(node, index, key);
      case 'concat':
        return this.#concat(node, index, key);
      case 'avgPool2d':
        return this.#averagePool(node, index, key);
      case 'upsampleNearest2d': {
        const scale = node.attrs['scale'] as number;
        const places = index.coordinates(this).map((c, axis) => {
          if (axis < 2 || c === '0u') return c;
          return this.name(`up ${c} ${scale}`, () => `${c} / ${scale}u`);
        });
        return this.element(x!, coordinateIndex(places, x!.shape));
      }
      case 'gather':
        return this.#gather(node, index);
      case 'randomUniform':
        return this.#random(node, index, key);
      default: {
        const op = elementwise[node.op];
        if (!op) throw new DeviceError(`webgpu: ${node.op} is no expression`);
        for (const helper of helpersOf(node)) this.#source.help(helper);
        if (node.op === 'cast' && node.dtype === 'float16') this.#source.help(HALF);
        const operands = node.inputs.map((input) => this.element(input, broadcast(index, input.shape, this)));
        return this.#named(key, () => op.write(operands, node));
      }
    }
  }

  /** The place `by` further along every axis. */
  #shifted(index: Index, by: readonly number[], x: Node): Index {
    const places = index.coordinates(this).map((c, axis) => {
      const shift = by[axis]!;
      if (shift === 0) return c;
      return this.name(`shift ${c} ${shift}`, () => (shift > 0 ? `${c} + ${shift}u` : `${c} - ${-shift}u`));
    });
    return coordinateIndex(places, x.shape);
  }

  #pad(node: Node, index: Index, key: string): string {
    const [x] = node.inputs as [Node];
    const pairs = node.attrs['pairs'] as readonly (readonly number[])[];
    const places = index.coordinates(this);
    const inside = pairs.flatMap(([before, after], axis) => [
      ...(before! > 0 ? [`${places[axis]!} >= ${before!}u`] : []),
      ...(after! > 0 ? [`${places[axis]!} < ${before! + x.shape[axis]!}u`] : []),
    ]);
    const value = literal(node.attrs['value'] as number, node.dtype);
    if (value.includes('_bits')) this.#source.help('numbers');
    return this.#cases(node, key, [
      {
        condition: inside.join(' && '),
        value: () =>
          this.element(
            x,
            this.#shifted(
              index,
              pairs.map(([before]) => -before!),
              x,
            ),
          ),
      },
      { condition: '', value: () => value },
    ]);
  }

  #concat(node: Node, index: Index, key: string): string {
    const axis = node.attrs['axis'] as number;
    const place = index.coordinates(this)[axis]!;
    let start = 0;
    const branches = node.inputs
      .filter((input) => input.shape[axis] !== 0)
      .map((input, i, all) => {
        const from = start;
        start += input.shape[axis]!;
        const end = start;
        return {
          condition: i === all.length - 1 ? '' : `${place} < ${end}u`,
          value: () =>
            this.element(
              input,
              this.#shifted(
                index,
                node.shape.map((_, k) => (k === axis ? -from : 0)),
                input,
              ),
            ),
        };
      });
    return this.#cases(node, key, branches);
  }

  /** One of several values; the last condition is empty: otherwise. */
  #cases(node: Node, key: string, branches: readonly { condition: string; value: () => string }[]): string {
    if (branches.length === 1) return branches[0]!.value();
    const result = `v${this.#next++}`;
    const { lines, names } = this.#scopes.at(-1)!;
    lines.push(`var ${result}: ${computeType(node.dtype)};`);
    branches.forEach(({ condition, value }, i) => {
      const scope: Scope = { lines: [], names: new Map() };
      this.#scopes.push(scope);
      const text = value();
      this.#scopes.pop();
      lines.push(
        `${i > 0 ? '} else ' : ''}${condition === '' ? '' : `if (${condition}) `}{`,
        ...scope.lines,
        `${result} = ${text};`,
      );
    });
    lines.push('}');
    names.set(key, result);
    return result;
  }

  #averagePool(node: Node, index: Index, key: string): string {
    const [x] = node.inputs as [Node];
    const kernel = node.attrs['kernel'] as number;
    const [n, c, h, w] = index.coordinates(this) as [string, string, string, string];
    const at = (place: string, step: number): string =>
      this.name(`pool ${place} ${kernel} ${step}`, () => `${place} * ${kernel}u + ${step}u`);
    const terms: string[] = [];
    for (let i = 0; i < kernel; i++) {
      for (let j = 0; j < kernel; j++) {
        terms.push(this.element(x, coordinateIndex([n, c, at(h, i), at(w, j)], x.shape)));
      }
    }
    return this.#named(key, () => `(${terms.join(' + ')}) * ${literal(1 / kernel ** 2, 'float32')}`);
  }

  #gather(node: Node, index: Index): string {
    const [x, indices] = node.inputs as [Node, Node];
    const places = index.coordinates(this);
    const rank = indices.shape.length;
    const row = this.element(indices, coordinateIndex(places.slice(0, rank), indices.shape));
    const extent = x.shape[0]!;
    // Negative indices count from the end; beyond the ends there is no element, and the nearest one stands in.
    const from = this.name(
      `row ${row} ${extent}`,
      () => `clamp(select(${row}, ${row} + ${extent}, ${row} < 0), 0, ${extent - 1})`,
    );
    return this.element(x, coordinateIndex([from, ...places.slice(rank)], x.shape));
  }

  #random(node: Node, index: Index, key: string): string {
    const [keys] = node.inputs as [Node];
    this.#source.help('philox');
    const row = sizeOf(node.shape.slice(1));
    const at = index.linear(this);
    const sample = this.name(`sample ${at} ${row}`, () => `${at} / ${row}u`);
    const place = this.name(`place ${at} ${row}`, () => `${at} % ${row}u`);
    const words = [0, 1].map((i) => this.element(keys, coordinateIndex([sample, `${i}u`], keys.shape)));
    return this.#named(
      key,
      () =>
        `philox_uniform(bitcast<u32>(${words[0]}), bitcast<u32>(${words[1]}), ${node.attrs['salt'] as number}u, ${place})`,
    );
  }

  #named(key: string, expression: () => string): string {
    const held = this.#find(key);
    if (held !== undefined) return held;
    const text = expression();
    const name = `v${this.#next++}`;
    const { lines, names } = this.#scopes.at(-1)!;
    lines.push(`let ${name} = ${text};`);
    names.set(key, name);
    return name;
  }

  #find(key: string): string | undefined {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const held = this.#scopes[i]!.names.get(key);
      if (held !== undefined) return held;
    }
    return undefined;
  }
}

/** The value of a constant whose elements are all alike. */
export function uniformConstant(node: Node): number | undefined {
  if (node.op !== 'constant' || node.value!.length === 0) return undefined;
  const first = node.value![0]!;
  if (!node.value!.every((v) => Object.is(v, first))) return undefined;
  return node.dtype === 'float16' ? fromFloat16(first) : first;
}
