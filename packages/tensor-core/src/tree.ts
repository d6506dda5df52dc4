/** Trees of tensors: nested records and arrays, walked in the order in which their keys were written. */
import { TensorError } from './errors.ts';
import { Tensor } from './tensor.ts';

/** A tensor, or a record or array of trees. */
export type Tree = Tensor | readonly Tree[] | { readonly [key: string]: Tree };

/** A tree with the shape of `T` and a tensor at each leaf. */
export function mapTree<T extends Tree>(tree: T, f: (leaf: Tensor, path: string) => Tensor, path = ''): T {
  const at = (key: string | number): string => (path === '' ? String(key) : `${path}/${key}`);
  if (tree instanceof Tensor) return f(tree, path) as Tree as T;
  if (Array.isArray(tree)) {
    return (tree as readonly Tree[]).map((child, i) => mapTree(child, f, at(i))) as readonly Tree[] as T;
  }
  if (typeof tree !== 'object' || (tree as unknown) === null) {
    throw new TensorError(
      `tree: wants tensors in records and arrays, got ${typeof tree} at ${path || 'the root'}; wrap numbers with tensor()`,
    );
  }
  const entries = Object.entries(tree as Record<string, Tree>).map(([key, child]) => [
    key,
    mapTree(child, f, at(key)),
  ]);
  return Object.fromEntries(entries) as T;
}

/** The leaves with their paths (`state/params/conv_in.weight`). */
export function leavesOf(tree: Tree): { path: string; tensor: Tensor }[] {
  const leaves: { path: string; tensor: Tensor }[] = [];
  mapTree(tree, (tensor, path) => {
    leaves.push({ path, tensor });
    return tensor;
  });
  return leaves;
}

/** Disposes every tensor of a tree. */
export function disposeTree(tree: Tree): void {
  for (const { tensor } of leavesOf(tree)) tensor.dispose();
}
