/** A traced function as an ONNX model: what was trained here runs wherever ONNX runs. */
import { type TreeRecord } from './compile.ts';
import { TensorError, UnsupportedOpError } from './errors.ts';
import { constantNode, inputNode, type Node, rebuild, topologicalOrder } from './graph/node.ts';
import { buildGraph } from './graph/program.ts';
import { Tensor } from './tensor.ts';
import { leavesOf, mapTree, type Tree } from './tree.ts';

/** What protocol buffers can hold in one message. */
const MAX_BYTES = 2 ** 31 - 1;

/**
 * The bytes of an `.onnx` file (opset 18, operators of ONNX's own domain only) that computes `f`.
 *
 * Inputs and outputs are named by their paths (`inputs/ids`); a single output tensor is `output`. A name that would occur
 * twice gets `input/` or `output/` in front. Shapes are those of `example`, whose values do not matter. Tensors that `f` captures, its weights, are part
 * of the model.
 *
 * @throws UnsupportedOpError for random numbers, which ONNX cannot draw; TensorError over 2 GiB
 */
export async function exportOnnx<I extends TreeRecord>(
  f: (inputs: I) => Tree,
  example: I,
): Promise<Uint8Array> {
  const placeholders = mapTree(example, (leaf) => new Tensor(inputNode(leaf)));
  const inputs = leavesOf(placeholders);
  const outputs = leavesOf(f(placeholders));
  const { graph, captured } = buildGraph(
    inputs.map(({ tensor }) => tensor.node),
    outputs.map(({ tensor }) => tensor.node),
  );
  if (graph.nodes.some((node) => node.op === 'randomUniform')) {
    throw new UnsupportedOpError(
      'exportOnnx: ONNX has no operator for randomUniform; pass the numbers in, or leave dropout out',
    );
  }
  const bytes = captured.reduce((total, { type }) => total + 4 * type.shape.reduce((a, b) => a * b, 1), 0);
  if (bytes > MAX_BYTES) {
    throw new TensorError(
      `exportOnnx: ${bytes} bytes of captured tensors; a model holds at most ${MAX_BYTES}`,
    );
  }
  const given = inputs.length;
  const weights = await Promise.all(
    graph.inputs
      .slice(given)
      .map(async (node, i) => [node, constantNode(await captured[i]!.read(), node)] as const),
  );
  const results = withConstants(graph.outputs, new Map(weights));
  const { encodePortable } = await import('./targets/onnx/export.ts');
  const names = uniqueNames(
    inputs.map(({ path }) => path),
    outputs.map(({ path }) => path || 'output'),
  );
  const whole = { inputs: graph.inputs.slice(0, given), outputs: results, nodes: topologicalOrder(results) };
  return encodePortable(whole, names);
}

/** The same outputs with some leaves replaced. */
function withConstants(outputs: readonly Node[], constants: ReadonlyMap<Node, Node>): Node[] {
  const replaced = new Map<Node, Node>();
  for (const node of topologicalOrder(outputs)) {
    const inputs = node.inputs.map((input) => replaced.get(input)!);
    const same = inputs.every((input, i) => input === node.inputs[i]);
    replaced.set(node, constants.get(node) ?? (same ? node : rebuild(node, inputs)));
  }
  return outputs.map((node) => replaced.get(node)!);
}

function uniqueNames(
  inputs: readonly string[],
  outputs: readonly string[],
): { inputs: string[]; outputs: string[] } {
  // `v0`, `v1`, … are the values in between.
  const taken = (name: string, others: readonly string[]): boolean =>
    others.includes(name) || /^v\d+$/.test(name);
  const names = {
    inputs: inputs.map((name) => (taken(name, outputs) ? `input/${name}` : name)),
    outputs: outputs.map((name) => (taken(name, inputs) ? `output/${name}` : name)),
  };
  const all = [...names.inputs, ...names.outputs];
  const twice = all.find((name, i) => all.indexOf(name) < i);
  if (twice !== undefined)
    throw new TensorError(`exportOnnx: two values are named ${twice}; rename one of them`);
  return names;
}
