/**
 * Gradients against finite differences over random expressions: the graph that `grad` builds and the graph that it
 * differentiates are both interpreted in float64, so that nothing but the gradient rules is measured.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputNode } from '../src/graph/node.ts';
import { grad, Tensor } from '../src/index.ts';
import { interpret } from './interpreter.ts';
import { buildExpression, elementsFor, type Recipe, recipes } from './random-graphs.ts';

type Scalar = (x: Tensor[]) => Tensor;

/** A direction for every input, with elements of about 1. */
function directionsFor(recipe: Recipe): Float64Array[] {
  return elementsFor(recipe).map((x, k) => Float64Array.from(x, (_, i) => Math.cos(3 * k + 2.3 * i + 0.5)));
}

/** |⟨∇f, v⟩ − (f(x + hv) − f(x − hv)) / 2h|, and how large the numbers behind it are. */
function discrepancy(recipe: Recipe, f: Scalar): { error: number; scale: number } {
  const inputs = recipe.shapes.map((shape) => new Tensor(inputNode({ shape, dtype: 'float32' })));
  const value = f(inputs).node;
  const gradients = grad(f)(inputs).map((g) => g.node);
  const x = elementsFor(recipe).map((elements) => Float64Array.from(elements));
  const v = directionsFor(recipe);
  const given = (h: number): Map<typeof value, Float64Array> =>
    new Map(inputs.map((input, k) => [input.node, x[k]!.map((e, i) => e + h * v[k]![i]!)]));
  const at = (h: number): number => interpret([value], given(h))[0]!.data[0]!;
  const slopes = interpret(gradients, given(0)).map(({ data }, k) =>
    data.reduce((total, g, i) => total + g * v[k]![i]!, 0),
  );
  const slope = slopes.reduce((a, b) => a + b);
  const h = 1e-4;
  // The five-point rule: its error is of order h⁴.
  const difference = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
  return { error: Math.abs(slope - difference), scale: Math.abs(slope) + Math.abs(at(0)) + 1 };
}

describe('gradients of random expressions agree with finite differences', () => {
  it('once', () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        const { error, scale } = discrepancy(recipe, (x) => buildExpression(recipe, x, false).sum());
        fc.pre(scale < 1e5);
        expect(error / scale).toBeLessThan(1e-7);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  it('twice: the gradient of a projection of the gradient', () => {
    fc.assert(
      fc.property(recipes, (recipe) => {
        const first = grad((x: Tensor[]) => buildExpression(recipe, x, false).sin().sum());
        const { error, scale } = discrepancy(recipe, (x) =>
          first(x)
            .map((g, k) =>
              g
                .mul(k + 0.7)
                .sum()
                .add(g.square().sum().mul(0.3)),
            )
            .reduce((a, b) => a.add(b)),
        );
        fc.pre(scale < 1e5);
        expect(error / scale).toBeLessThan(1e-6);
      }),
      { numRuns: 400, seed: 2 },
    );
  });
});
