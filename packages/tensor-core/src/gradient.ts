/** `grad` and `valueAndGrad`: functions of tensors to functions that give gradients. */
import { gradientsOf } from './autograd.ts';
import { identity } from './ops/elementwise.ts';
import { Tensor } from './tensor.ts';
import { leavesOf, mapTree, type Tree } from './tree.ts';

/**
 * The function's value and its gradient with respect to the first argument (a tree).
 *
 * @param f returns a scalar loss, or `{ loss, ...rest }`: what else it computes comes back beside the gradient
 */
export function valueAndGrad<
  P extends Tree,
  A extends readonly unknown[],
  R extends Tensor | { loss: Tensor },
>(f: (parameters: P, ...rest: A) => R): (parameters: P, ...rest: A) => { value: R; gradients: P } {
  return (parameters, ...rest) => {
    const boundary = mapTree(parameters, (leaf) => new Tensor(identity(leaf.node)));
    const value = f(boundary, ...rest);
    const loss = value instanceof Tensor ? value : value.loss;
    const gradients = gradientsOf(
      loss.node,
      leavesOf(boundary).map(({ tensor }) => tensor.node),
    );
    let next = 0;
    return { value, gradients: mapTree(parameters, () => new Tensor(gradients[next++]!)) };
  };
}

/** The gradient alone. */
export function grad<P extends Tree, A extends readonly unknown[]>(
  f: (parameters: P, ...rest: A) => Tensor | { loss: Tensor },
): (parameters: P, ...rest: A) => P {
  const both = valueAndGrad(f);
  return (parameters, ...rest) => both(parameters, ...rest).gradients;
}
