/** A graph as kernels: rewritten, partitioned, grouped, put in order, written as WGSL. */
import { UnsupportedOpError } from '../../errors.ts';
import { type HostArray } from '../../dtype.ts';
import { isLeaf, type Node, type TensorType, topologicalOrder } from '../../graph/node.ts';
import { sizeOf } from '../../shape.ts';
import { type Graph } from '../target.ts';
import { anchorOps, emitAnchors } from './anchors.ts';
import { storageBytes } from './assemble.ts';
import { expressionOps, HALF, helperCode } from './expression.ts';
import { type FragmentContext } from './fragments.ts';
import { type Group, groupItems, readsInPlace } from './group.ts';
import { type Capabilities, type Emitter, type Kernel, type Operand, type Value, whole } from './kernel.ts';
import { joinIndependent } from './join.ts';
import { emitMap } from './kernels/map.ts';
import { operandOf } from './operands.ts';
import { partition } from './partition.ts';
import { isContiguousConcat, rewriteGraph } from './rewrite.ts';
import { scheduleGroups } from './schedule.ts';
import { windowsOf } from './windows.ts';

/** Storage buffers that kernels keep for themselves, beside what expressions read. */
const RESERVED = 3;

/**
 * Which of several variants of a kernel is taken: its position.
 *
 * @param alone the kernels of one variant, complete, apart from the program
 */
export type Choose = (
  key: string,
  names: readonly string[],
  alone: (variant: number) => readonly Kernel[],
) => number;

export interface LoweredGraph {
  /** In the order in which they run. */
  readonly kernels: readonly Kernel[];
  /** In the graph's order. */
  readonly inputs: readonly Value[];
  /** In the graph's order. One that is a donated input too is written in its place. */
  readonly outputs: readonly Value[];
  readonly constants: readonly { readonly value: Value; readonly data: HostArray }[];
  /** Variants that were chosen between. */
  readonly choices: readonly { readonly key: string; readonly names: readonly string[] }[];
}

/**
 * @param donated positions of inputs whose memory outputs may take over
 * @throws UnsupportedOpError naming an op without a kernel, or a dtype that the adapter lacks
 */
export function lowerGraph(
  graph: Graph,
  donated: readonly number[],
  capabilities: Capabilities,
  choose: Choose = () => 0,
): LoweredGraph {
  const outputs = rewriteGraph(graph.outputs, capabilities);
  const nodes = topologicalOrder(outputs);
  checkSupport(nodes, capabilities);
  const { storageBuffers, bindingBytes, bindingAlignment, unfused = false } = capabilities;
  const bindingsOf = ({ shape, dtype }: Node): number =>
    windowsOf(sizeOf(shape) * storageBytes(dtype), bindingBytes, bindingAlignment);
  const { items, stored } = partition(nodes, outputs, storageBuffers - RESERVED, bindingsOf, !unfused);
  const results = new Set(outputs);
  const temporary = (node: Node): boolean => !isLeaf(node) && !results.has(node);
  const grouped = groupItems(items, stored, unfused ? 0 : storageBuffers, bindingsOf);
  const groups = scheduleGroups(grouped, temporary);

  let nextId = 0;
  const makeValue = (type: TensorType, label: string): Value => ({
    shape: type.shape,
    dtype: type.dtype,
    label,
    id: nextId++,
  });
  const operands = new Map<Node, Operand>();
  const constants: { value: Value; data: HostArray }[] = [];
  const inputValues = graph.inputs.map((node, i) => {
    const value = makeValue(node, `input ${i}`);
    operands.set(node, whole(value));
    return value;
  });
  for (const node of stored) {
    if (node.op !== 'constant') continue;
    const value = makeValue(node, 'constant');
    operands.set(node, whole(value));
    constants.push({ value, data: node.value! });
  }
  const taken = placeInDonated(groups, graph.inputs, outputs, donated, stored);
  for (const [root, input] of taken) operands.set(root, whole(inputValues[input]!));
  placeInConcats(groups, nodes, results, operands, makeValue);
  for (const { items: list } of groups) {
    for (const { root } of list) {
      if (!operands.has(root)) operands.set(root, whole(makeValue(root, root.op)));
    }
  }

  const kernels: Kernel[] = [];
  const choices: { key: string; names: string[] }[] = [];
  for (const group of groups) {
    const helpers = new Set<string>();
    const context: FragmentContext = { stored: operands, helpers, names: new Map() };
    const emitted: Kernel[] = [];
    const emitter: Emitter = {
      capabilities,
      temporary: makeValue,
      emit: (kernel) => emitted.push(kernel),
      choose: (key, variants) => {
        const names = variants.map(({ name }) => name);
        choices.push({ key, names });
        const alone = (variant: number): Kernel[] => {
          const before = emitted.length;
          variants[variant]?.emit();
          return completed(emitted.splice(before), helpers);
        };
        (variants[choose(key, names, alone)] ?? variants[0]).emit();
      },
    };
    emitGroup(emitter, group, operands, context);
    kernels.push(...completed(emitted, helpers));
  }
  const outputValues = outputs.map((node) => operands.get(node)!.value);
  const kept = new Set([...inputValues, ...outputValues, ...constants.map(({ value }) => value)]);
  const isTemporary = (value: Value): boolean => !kept.has(value);
  return {
    kernels: unfused ? kernels : joinIndependent(kernels, { capabilities, isTemporary, makeValue }),
    inputs: inputValues,
    outputs: outputValues,
    constants,
    choices,
  };
}

/** Kernels with the functions that their expressions call. What has no elements needs no kernel. */
function completed(kernels: readonly Kernel[], helpers: ReadonlySet<string>): Kernel[] {
  const code = helperCode(helpers);
  return kernels
    .filter(({ writes }) => Object.values(writes).some(({ size }) => size > 0))
    .map((kernel) => ({
      ...kernel,
      body: `${code}\n${kernel.body}`,
      extensions: [...(kernel.extensions ?? []), ...(helpers.has(HALF) ? ['f16'] : [])],
    }));
}

function checkSupport(nodes: readonly Node[], capabilities: Capabilities): void {
  for (const node of nodes) {
    if (!isLeaf(node) && !expressionOps.has(node.op) && !anchorOps.has(node.op)) {
      throw new UnsupportedOpError(`${node.op}: the WebGPU target has no kernel for this op`);
    }
    if (node.dtype === 'float16' && !capabilities.f16) {
      throw new UnsupportedOpError(
        `${node.op}: this adapter has no float16 (WebGPU's shader-f16); use float32, or the CPU`,
      );
    }
  }
}

function emitGroup(
  emitter: Emitter,
  { items }: Group,
  operands: ReadonlyMap<Node, Operand>,
  context: FragmentContext,
): void {
  const outOf = (root: Node): Operand => operands.get(root)!;
  const [first] = items;
  if (first!.anchor) {
    emitAnchors(emitter, items, outOf, context);
  } else if (isContiguousConcat(first!.root)) {
    const whole = outOf(first!.root);
    let offset = whole.offset;
    for (const part of first!.root.inputs) {
      const size = sizeOf(part.shape);
      const out = { value: whole.value, offset, size };
      offset += size;
      const there = operandOf(part, operands);
      if (there?.value !== out.value || there.offset !== out.offset) {
        emitMap(emitter, [{ node: part, out }], context);
      }
    }
  } else {
    emitMap(
      emitter,
      items.map(({ root }) => ({ node: root, out: outOf(root) })),
      context,
    );
  }
}

/** Which outputs take over which donated inputs: the root, and the input's position. */
function placeInDonated(
  groups: readonly Group[],
  inputs: readonly Node[],
  outputs: readonly Node[],
  donated: readonly number[],
  stored: ReadonlySet<Node>,
): Map<Node, number> {
  const runsAt = new Map<Node, number>();
  const lastRead = new Map<Node, number>();
  groups.forEach(({ items, reads }, at) => {
    for (const { root } of items) runsAt.set(root, at);
    for (const read of reads) lastRead.set(read, at);
  });
  const free = new Set(donated);
  const taken = new Map<Node, number>();
  for (const inPlace of [true, false]) {
    for (const root of outputs) {
      const at = runsAt.get(root);
      if (at === undefined || taken.has(root) || isContiguousConcat(root)) continue;
      const group = groups[at]!;
      for (const position of free) {
        const input = inputs[position]!;
        const last = lastRead.get(input) ?? -1;
        const alike = input.dtype === root.dtype && sizeOf(input.shape) === sizeOf(root.shape);
        if (!alike || last > at || inPlace !== (last === at)) continue;
        // The kernel reads the input itself: only where each lane reads what it will write.
        const safe =
          last < at ||
          group.items.every((item) => !item.anchor && readsInPlace(item.root, new Set([input]), stored));
        if (!safe) continue;
        free.delete(position);
        taken.set(root, position);
        break;
      }
    }
  }
  return taken;
}

/** Parts of a concatenation are written where they belong in it, by the kernels that compute them. */
function placeInConcats(
  groups: readonly Group[],
  nodes: readonly Node[],
  outputs: ReadonlySet<Node>,
  operands: Map<Node, Operand>,
  makeValue: (type: TensorType, label: string) => Value,
): void {
  const roots = new Set(groups.flatMap(({ items }) => items.map(({ root }) => root)));
  const uses = new Map<Node, number>();
  for (const node of nodes) for (const input of node.inputs) uses.set(input, (uses.get(input) ?? 0) + 1);
  // Nobody else may read it there: a kernel cannot read the memory that it writes another part of.
  const isPart = (node: Node): boolean => uses.get(node) === 1 && !outputs.has(node);
  // Outer concatenations first: a part may be one itself.
  for (const { items } of [...groups].reverse()) {
    for (const { root } of items) {
      if (!isContiguousConcat(root)) continue;
      let place = operands.get(root);
      if (!place) operands.set(root, (place = whole(makeValue(root, root.op))));
      let { offset } = place;
      for (const part of root.inputs) {
        const size = sizeOf(part.shape);
        let source = part;
        while (source.op === 'reshape' && !roots.has(source) && isPart(source)) source = source.inputs[0]!;
        if (roots.has(source) && !operands.has(source) && isPart(source)) {
          operands.set(source, { value: place.value, offset, size });
        }
        offset += size;
      }
    }
  }
}
