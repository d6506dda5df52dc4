/** Expressions as the functions that kernels call: in front of a reduction, behind a product. */
import { type Node } from '../../graph/node.ts';
import { storageType } from './assemble.ts';
import { ExpressionWriter, KernelSource } from './expression.ts';
import { coordinateIndex, linearIndex, reshaped } from './index-space.ts';
import { type Epilogue, type Operand, type Prologue } from './kernel.ts';
import { computeType, toStorage } from './literals.ts';

/** What the expressions of one kernel share. */
export interface FragmentContext {
  readonly stored: ReadonlyMap<Node, Operand>;
  /** Takes in the helpers that the fragments call. */
  readonly helpers: Set<string>;
  /** Names of operands: fragments of one kernel that read the same share its binding. */
  readonly names: Map<string, string>;
}

/** The node's elements, computed as they are read. @param name unique in the kernel */
export function prologueOf(node: Node, name: string, context: FragmentContext): Prologue {
  const source = new KernelSource(context);
  const writer = new ExpressionWriter(source);
  const value = writer.element(node, linearIndex('i', node.shape));
  return {
    shape: node.shape,
    dtype: node.dtype,
    reads: source.reads,
    code: `fn load_${name}(i: u32) -> ${computeType(node.dtype)} {\n${writer.lines.join('\n')}\nreturn ${value};\n}`,
    load: (i) => `load_${name}(${i})`,
  };
}

/**
 * What becomes of the anchor's elements until they are `root`'s, and where they are then; nothing where the two are one.
 *
 * @param name unique in the kernel
 */
export function epilogueOf(
  anchor: Node,
  root: Node,
  name: string,
  context: FragmentContext,
): Epilogue | undefined {
  if (anchor === root) return undefined;
  const source = new KernelSource(context);
  const moves = pathOf(anchor, root, context.stored);
  const place = moves.some(({ op }) => op === 'transpose') ? placeOf(anchor, moves, source) : undefined;
  const writer = new ExpressionWriter(source);
  writer.give(anchor, 'v');
  const value = writer.compute(root, linearIndex('at', root.shape));
  const lines = [
    ...(place ? [`fn place_${name}(i: u32) -> u32 {\n${place.lines}\n}`] : []),
    `fn finish_${name}(v: ${computeType(anchor.dtype)}, i: u32) -> ${storageType(root.dtype)} {`,
    `let at = ${place ? `place_${name}(i)` : 'i'};`,
    ...writer.lines,
    `return ${toStorage(value, root.dtype)};\n}`,
  ];
  return {
    reads: source.reads,
    code: lines.join('\n'),
    apply: (v, i) => `finish_${name}(${v}, ${i})`,
    ...(place && { place: { at: (i) => `place_${name}(${i})`, inFours: place.inFours } }),
  };
}

/** The nodes behind the anchor up to the root, in order. */
function pathOf(anchor: Node, root: Node, stored: ReadonlyMap<Node, Operand>): Node[] {
  const seen = new Set<Node>();
  const find = (node: Node): Node[] | undefined => {
    if (node === anchor) return [];
    if (seen.has(node) || (node !== root && stored.has(node))) return undefined;
    seen.add(node);
    for (const input of node.inputs) {
      const path = find(input);
      if (path) return [...path, node];
    }
    return undefined;
  };
  return find(root) ?? [];
}

/** Where element i of the anchor is after the moves: the body of a function. */
function placeOf(
  anchor: Node,
  moves: readonly Node[],
  source: KernelSource,
): { lines: string; inFours: boolean } {
  const writer = new ExpressionWriter(source);
  let index = linearIndex('i', anchor.shape);
  let inFours = true;
  for (const { op, attrs, shape } of moves) {
    if (op === 'reshape') index = reshaped(index, shape, writer);
    else if (op === 'transpose') {
      const places = index.coordinates(writer);
      const permutation = attrs['permutation'] as readonly number[];
      index = coordinateIndex(
        permutation.map((axis) => places[axis]!),
        shape,
      );
      inFours &&= permutation.at(-1) === shape.length - 1 && shape.at(-1)! % 4 === 0;
    }
  }
  const at = index.linear(writer);
  return { lines: [...writer.lines, `return ${at};`].join('\n'), inFours };
}
