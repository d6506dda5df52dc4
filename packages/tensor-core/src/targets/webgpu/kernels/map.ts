/** Elementwise kernels: every lane computes one element of every result, then stores them all. */
import { type Node } from '../../../graph/node.ts';
import { sizeOf } from '../../../shape.ts';
import { ExpressionWriter, KernelSource } from '../expression.ts';
import { type FragmentContext } from '../fragments.ts';
import { linearIndex } from '../index-space.ts';
import { type Emitter, type Operand } from '../kernel.ts';
import { toStorage } from '../literals.ts';
import { operandOf } from '../operands.ts';

/** Workgroups along the first axis of a dispatch. */
const MOST_WORKGROUPS = 65_535;

/** A result: the node's elements go to `out`. */
export interface MapResult {
  readonly node: Node;
  readonly out: Operand;
}

/** @param results as many elements each, in topological order where one is computed from another */
export function emitMap(emitter: Emitter, results: readonly MapResult[], context: FragmentContext): void {
  const size = sizeOf(results[0]!.node.shape);
  const { software, workgroupInvocations } = emitter.capabilities;
  // A software adapter's invocations are SIMD lanes: more of them only cost it.
  const lanes = Math.min(software ? 64 : 256, workgroupInvocations);
  const source = new KernelSource({ ...context, names: new Map() });
  results.forEach(({ out }, k) => source.bound(`y${k}`, out));
  const writer = new ExpressionWriter(source);
  const stores = results.map(({ node, out }, k) => {
    // A part of a concatenation may be stored already, elsewhere: then it is copied.
    const place = linearIndex('i', node.shape);
    const stored = operandOf(node, context.stored);
    const computed = stored === undefined || stored.value === out.value;
    const value = computed ? writer.compute(node, place) : writer.element(node, place);
    writer.define(node, 'i', value);
    return `y${k}[y${k}_at() + i] = ${toStorage(value, out.value.dtype)};`;
  });
  const groups = Math.ceil(size / lanes);
  const columns = Math.min(groups, MOST_WORKGROUPS);
  const rows = Math.ceil(groups / columns);
  emitter.emit({
    label: `${[...new Set(results.map(({ node }) => node.op))].join('+')} ${results[0]!.node.shape.join('×')}`,
    body: `fn run(group: vec3u, lane: u32) {
let i = ${rows > 1 ? `(group.y * ${columns}u + group.x)` : 'group.x'} * ${lanes}u + lane;
if (i >= ${size}u) { return; }
${writer.lines.join('\n')}
${stores.join('\n')}
}`,
    reads: source.reads,
    writes: Object.fromEntries(results.map(({ out }, k) => [`y${k}`, out])),
    invocations: lanes,
    workgroups: [columns, rows, 1],
    flops: 0,
  });
}
