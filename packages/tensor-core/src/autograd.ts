/**
 * Reverse-mode differentiation as a graph transformation: the gradient of a graph is a graph.
 *
 * Gradients are made of ops with gradients, so the transformation can be applied again.
 */
import { isFloat } from './dtype.ts';
import { ShapeError, UnsupportedOpError } from './errors.ts';
import { isLeaf, type Node, opDefinition, topologicalOrder } from './graph/node.ts';
import { add, identity } from './ops/elementwise.ts';
import { expand } from './ops/movement.ts';
import { scalar } from './ops/shared.ts';
import { formatShape, sameShape } from './shape.ts';

/** A tensor of one value as a node. */
function filled(node: Node, value: number): Node {
  return expand(scalar(value, node.dtype), node.shape);
}

/**
 * Vector-Jacobian products: for each node of `wrt`, Σ over outputs of cotangentᵀ · dOutput/dNode, as a new node of
 * the node's shape; zeros where no output depends on it.
 *
 * @throws UnsupportedOpError for an op without a gradient, by name
 */
export function vjp(outputs: readonly Node[], cotangents: readonly Node[], wrt: readonly Node[]): Node[] {
  outputs.forEach((output, i) => {
    if (!sameShape(output.shape, cotangents[i]!.shape)) {
      throw new ShapeError(
        `gradient: an output of ${formatShape(output.shape)} wants a cotangent of that shape, got ${formatShape(cotangents[i]!.shape)}`,
      );
    }
  });
  const order = topologicalOrder(outputs);
  const targets = new Set(wrt);
  const needed = new Set<Node>();
  for (const node of order) {
    if (!isFloat(node.dtype)) continue;
    if (targets.has(node) || node.inputs.some((input) => needed.has(input))) needed.add(node);
  }
  const gradients = new Map<Node, Node>();
  const accumulate = (node: Node, gradient: Node): void => {
    const held = gradients.get(node);
    gradients.set(node, held ? add(held, gradient) : gradient);
  };
  outputs.forEach((output, i) => accumulate(output, cotangents[i]!));
  for (const node of order.reverse()) {
    const cotangent = gradients.get(node);
    if (!cotangent || !needed.has(node) || isLeaf(node)) continue;
    const needs = node.inputs.map((input) => needed.has(input));
    if (!needs.includes(true)) continue;
    inputGradients(node, cotangent, needs).forEach((gradient, i) => {
      if (gradient && needs[i]) accumulate(node.inputs[i]!, gradient);
    });
  }
  return wrt.map((node) => gradients.get(node) ?? filled(node, 0));
}

function inputGradients(
  node: Node,
  cotangent: Node,
  needs: readonly boolean[],
): readonly (Node | undefined)[] {
  const definition = opDefinition(node.op);
  if (definition.gradient) {
    return definition.gradient({ inputs: node.inputs, output: node, attrs: node.attrs, cotangent, needs });
  }
  if (definition.constantGradient) return [];
  if (definition.decompose) {
    // A place of its own for each input: one of them may depend on another, or be the same node.
    const places = node.inputs.map(identity);
    return vjp([definition.decompose(places, node.attrs)], [cotangent], places);
  }
  throw new UnsupportedOpError(
    `gradient: the op ${node.op} has no gradient; use stopGradient before it, or an op that has one`,
  );
}

/** dLoss/dNode for each node of `wrt`; `loss` is a scalar. */
export function gradientsOf(loss: Node, wrt: readonly Node[]): Node[] {
  if (loss.shape.length !== 0 || !isFloat(loss.dtype)) {
    throw new ShapeError(
      `gradient: wants a floating-point scalar loss, got ${loss.dtype} ${formatShape(loss.shape)}; take its mean or sum first`,
    );
  }
  return vjp([loss], [filled(loss, 1)], wrt);
}
