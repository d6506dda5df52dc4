/** A graph as an ONNX model: every node through the lowering of its op. */
import { UnsupportedOpError } from '../../errors.ts';
import { takeApart } from '../../graph/take-apart.ts';
import { attentionOps } from '../../ops/index.ts';
import { type Graph } from '../target.ts';
import { LoweringContext, type HostValue, type Lowering } from './context.ts';
import { convLowerings } from './lower-conv.ts';
import { elementwiseLowerings } from './lower-elementwise.ts';
import { matmulLowerings } from './lower-matmul.ts';
import { movementLowerings } from './lower-movement.ts';
import { normLowerings } from './lower-norm.ts';
import { resampleLowerings } from './lower-resample.ts';
import { widenFloat16 } from './widen.ts';

const lowerings: Readonly<Record<string, Lowering>> = {
  ...elementwiseLowerings,
  ...movementLowerings,
  ...matmulLowerings,
  ...convLowerings,
  ...normLowerings,
  ...resampleLowerings,
};

/** The ops that this target runs inside the model; `randomUniform` is computed on the host beside it. */
export const loweredOps: readonly string[] = Object.keys(lowerings);

export interface LoweredModel {
  readonly bytes: Uint8Array;
  readonly nodeCount: number;
  /** Inputs `h0`, `h1`, … that the host computes before each run. */
  readonly hostValues: readonly HostValue[];
}

/** What inputs and outputs are called, in the graph's order. */
export interface ValueNames {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/**
 * The model of a graph.
 *
 * @param block channels of a block (layout.ts), 0 for plain convolutions
 * @param names of inputs and outputs; `i0`, `i1`, … and `o0`, `o1`, … where omitted
 */
export function lowerGraph(given: Graph, block: number, names?: ValueNames): LoweredModel {
  const graph = widenFloat16(takeApart(given, attentionOps));
  const context = new LoweringContext(block);
  const { builder } = context;
  const inputs = new Set(graph.inputs);
  graph.inputs.forEach((node, i) => {
    const name = names?.inputs[i] ?? `i${i}`;
    builder.input(name, node.dtype, node.shape);
    context.setPlain(node, name);
  });
  for (const node of graph.nodes) {
    if (inputs.has(node)) continue;
    if (node.op === 'constant') {
      context.setPlain(node, builder.constant(node.dtype, node.shape, node.value!));
    } else if (node.op === 'randomUniform') {
      const key = node.inputs[0]!;
      if (!inputs.has(key)) {
        throw new UnsupportedOpError(
          `randomUniform: on the CPU the key must be an argument of the compiled function, got the result of ${key.op}; pass the key in`,
        );
      }
      const name = `h${context.hostValues.length}`;
      builder.input(name, node.dtype, node.shape);
      context.hostValues.push({ node, name });
      context.setPlain(node, name);
    } else {
      const lowering = lowerings[node.op];
      if (!lowering) {
        throw new UnsupportedOpError(`${node.op}: the CPU target has no lowering for this op`);
      }
      lowering(node, context);
    }
  }
  graph.outputs.forEach((node, i) => {
    builder.output(names?.outputs[i] ?? `o${i}`, context.plain(node), node.dtype, node.shape);
  });
  return { bytes: builder.encode(), nodeCount: builder.nodeCount, hostValues: context.hostValues };
}
