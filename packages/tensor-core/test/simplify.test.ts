/**
 * Simplification changes no value, over random expressions and their gradients: the graph as it was built and the
 * simplified one are interpreted in float64, and both are run on the CPU target.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { identity } from '../src/ops/index.ts';
import { inputNode, type Node, topologicalOrder } from '../src/graph/node.ts';
import { printGraph } from '../src/graph/print.ts';
import { buildGraph } from '../src/graph/program.ts';
import { simplify } from '../src/graph/simplify.ts';
import { grad, type HostArray, Tensor } from '../src/index.ts';
import { OnnxTarget } from '../src/targets/onnx/target.ts';
import { type Graph } from '../src/targets/target.ts';
import { interpret } from './interpreter.ts';
import { buildExpression, elementsFor, type Recipe, recipes } from './random-graphs.ts';

/** An expression with kinks, and its gradients, over `input` nodes. */
function trace(recipe: Recipe): { inputs: Node[]; outputs: Node[] } {
  const inputs = recipe.shapes.map((shape) => new Tensor(inputNode({ shape, dtype: 'float32' })));
  const f = (x: Tensor[]): Tensor => buildExpression(recipe, x, true);
  const gradients = grad((x: Tensor[]) => f(x).sin().sum())(inputs);
  return { inputs: inputs.map((x) => x.node), outputs: [f(inputs), ...gradients].map((x) => x.node) };
}

function given({ inputs }: { inputs: readonly Node[] }, recipe: Recipe): Map<Node, Float32Array> {
  const elements = elementsFor(recipe);
  return new Map(inputs.map((node, k) => [node, elements[k]!]));
}

function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((max, v) => Math.max(max, Math.abs(v)), 0);
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return largest(Array.from(a, (v, i) => v - b[i]!)) / Math.max(1, largest(b));
}

describe('simplify, over random expressions and their gradients', () => {
  it('keeps shapes, dtypes and values, and has nothing left to do afterwards', () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        const traced = trace(recipe);
        const simple = simplify(traced.outputs);
        const before = interpret(traced.outputs, given(traced, recipe));
        const after = interpret(simple, given(traced, recipe));
        after.forEach((value, i) => {
          expect(value.shape).toEqual(before[i]!.shape);
          expect(simple[i]!.dtype).toBe(traced.outputs[i]!.dtype);
          // A product of two scales is rounded to float32: the one thing that float64 notices.
          expect(difference(value.data, before[i]!.data)).toBeLessThan(1e-6);
        });
        expect(printGraph(simplify(simple))).toBe(printGraph(simple));
      }),
      { numRuns: 400, seed: 3 },
    );
  });

  it('computes no value twice', () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        const nodes = topologicalOrder(simplify(trace(recipe).outputs)).filter((n) => n.inputs.length > 0);
        const keys = nodes.map(
          (n) => `${n.op} ${n.inputs.map((x) => x.id).join()} ${JSON.stringify(n.attrs)}`,
        );
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { numRuns: 100, seed: 4 },
    );
  });
});

describe('the CPU target, over random expressions and their gradients', () => {
  let target: OnnxTarget;
  beforeAll(async () => {
    target = await OnnxTarget.open({ threads: 1 });
  });
  afterAll(() => target.dispose());

  async function run(graph: Graph, elements: readonly HostArray[]): Promise<HostArray[]> {
    const program = await target.compile(graph, { donated: [] });
    const buffers = graph.inputs.map((node, k) => target.upload(elements[k]!, node));
    const results = await program.run(buffers);
    await program.dispose();
    return Promise.all(results.map((buffer) => buffer.read()));
  }

  it('computes what the interpreter computes, from the graph as it was built and from the simplified one', async () => {
    await fc.assert(
      fc.asyncProperty(recipes, async (recipe) => {
        const { inputs, outputs } = trace(recipe);
        const expected = interpret(outputs, given({ inputs }, recipe));
        const scale = Math.max(...expected.map(({ data }) => largest(data)));
        fc.pre(scale < 1e3);
        const own = outputs.map(identity);
        const captured = topologicalOrder(own).filter((node) => node.op === 'data');
        const raw: Graph = { inputs: [...inputs, ...captured], outputs: own, nodes: topologicalOrder(own) };
        const elements = [...elementsFor(recipe), ...captured.map((node) => node.storage!.host!)];
        const simple = buildGraph(inputs, outputs);
        const both = await Promise.all([
          run(raw, elements),
          run(simple.graph, [...elementsFor(recipe), ...simple.captured.map((s) => s.host!)]),
        ]);
        for (const results of both) {
          results.forEach((values, i) => expect(difference(values, expected[i]!.data)).toBeLessThan(1e-4));
        }
      }),
      { numRuns: 60, seed: 5 },
    );
  });
});
