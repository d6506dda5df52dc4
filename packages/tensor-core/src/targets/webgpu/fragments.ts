/** Expressions as the functions that kernels call: in front of a reduction, behind a product. */
import { type Node } from '../../graph/node.ts';
import { storageType } from './assemble.ts';
import { ExpressionWriter, KernelSource } from './expression.ts';
import { linearIndex } from './index-space.ts';
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
 * What becomes of the anchor's elements until they are `root`'s; nothing where the two are one.
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
  const writer = new ExpressionWriter(source);
  writer.define(anchor, 'i', 'v');
  const value = writer.compute(root, linearIndex('i', root.shape));
  return {
    reads: source.reads,
    code: `fn finish_${name}(v: ${computeType(anchor.dtype)}, i: u32) -> ${storageType(root.dtype)} {\n${writer.lines.join('\n')}\nreturn ${toStorage(value, root.dtype)};\n}`,
    apply: (v, i) => `finish_${name}(${v}, ${i})`,
  };
}
