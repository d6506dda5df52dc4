/**
 * The graph: immutable nodes, and the registry of ops that know their own shape rule, gradient and decomposition.
 *
 * A node is a value that has not been computed. Nothing here knows any target.
 */
import { type DType, type HostArray } from '../dtype.ts';
import { TensorError } from '../errors.ts';
import { type Shape } from '../shape.ts';
import { type Storage } from './storage.ts';

export type AttrValue = number | string | boolean | readonly number[] | readonly (readonly number[])[];
export type Attrs = Readonly<Record<string, AttrValue>>;

/** Shape and element type of a value. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface Node extends TensorType {
  readonly id: number;
  readonly op: string;
  readonly inputs: readonly Node[];
  readonly attrs: Attrs;
  /** For `constant`: its elements. */
  readonly value?: HostArray;
  /** For `data`: the concrete value. */
  readonly storage?: Storage;
}

/** What a gradient rule sees of the node it differentiates. */
export interface GradientContext<A extends Attrs = Attrs> {
  readonly inputs: readonly Node[];
  readonly output: Node;
  readonly attrs: A;
  /** dLoss / dOutput, of the output's shape. */
  readonly cotangent: Node;
  /** Which inputs' gradients are wanted: a rule may skip the others. */
  readonly needs: readonly boolean[];
}

export interface OpDefinition<A extends Attrs = Attrs> {
  readonly name: string;
  /** Shape rule; throws where the inputs do not fit. */
  readonly infer: (inputs: readonly TensorType[], attrs: A) => TensorType;
  /**
   * dLoss / dInput for every input, each of that input's shape; `undefined` where it is not wanted or there is none.
   * Without a rule, `decompose` is differentiated in its place.
   */
  readonly gradient?: (context: GradientContext<A>) => readonly (Node | undefined)[];
  /** The same value from simpler ops: for gradients of higher order, and for targets without a kernel of its own. */
  readonly decompose?: (inputs: readonly Node[], attrs: A) => Node;
  /** True where no gradient flows (comparisons, random numbers): not an error to differentiate through. */
  readonly constantGradient?: boolean;
}

const registry = new Map<string, OpDefinition>();
let nextId = 0;

/** Registers an op and returns the function that makes its nodes. */
export function defineOp<A extends Attrs>(
  definition: OpDefinition<A>,
): (inputs: readonly Node[], attrs: A) => Node {
  if (registry.has(definition.name)) throw new TensorError(`op ${definition.name} is defined twice`);
  registry.set(definition.name, definition as unknown as OpDefinition);
  return (inputs, attrs) => makeNode(definition.name, inputs, attrs, definition.infer(inputs, attrs));
}

export function opDefinition(name: string): OpDefinition {
  const definition = registry.get(name);
  if (!definition) throw new TensorError(`there is no op named ${name}`);
  return definition;
}

/** The name of every op, for tests that hold a target against the whole list. */
export function opNames(): string[] {
  return [...registry.keys()];
}

/** A node of a registered op with other inputs, its shape inferred anew. */
export function rebuild(node: Node, inputs: readonly Node[]): Node {
  return makeNode(node.op, inputs, node.attrs, opDefinition(node.op).infer(inputs, node.attrs));
}

function makeNode(op: string, inputs: readonly Node[], attrs: Attrs, type: TensorType): Node {
  return { id: nextId++, op, inputs, attrs, shape: type.shape, dtype: type.dtype };
}

/** A placeholder that a traced function's argument becomes. */
export function inputNode(type: TensorType): Node {
  return makeNode('input', [], {}, type);
}

/** A small value that is part of the program. */
export function constantNode(value: HostArray, type: TensorType): Node {
  return { ...makeNode('constant', [], {}, type), value };
}

/** A concrete value. */
export function dataNode(storage: Storage): Node {
  return { ...makeNode('data', [], {}, storage.type), storage };
}

/** Nodes with neither inputs nor an op behind them. */
export function isLeaf(node: Node): boolean {
  return node.op === 'input' || node.op === 'constant' || node.op === 'data';
}

/** Every node that `outputs` need, each after its inputs. Iterative: graphs are deeper than the stack. */
export function topologicalOrder(outputs: readonly Node[]): Node[] {
  const order: Node[] = [];
  const done = new Set<Node>();
  const stack: { node: Node; next: number }[] = [];
  const push = (node: Node): void => {
    if (!done.has(node)) {
      done.add(node);
      stack.push({ node, next: 0 });
    }
  };
  for (const output of outputs) {
    push(output);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const input = top.node.inputs[top.next++];
      if (input) push(input);
      else {
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return order;
}
