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
  if (typeof tree !== 'object' || (tree as unknown) === null || ArrayBuffer.isView(tree)) {
    const got =
      typeof tree === 'object' ? String((tree as object | null)?.constructor.name ?? null) : typeof tree;
    throw new TensorError(
      `tree: wants tensors in records and arrays, got ${got} at ${path || 'the root'}; make tensors of numbers and arrays with tensor()`,
    );
  }
  const entries = Object.entries(tree as Record<string, Tree>).map(([key, child]) => [
    key,
    mapTree(child, f, at(key)),
  ]);
  return Object.fromEntries(entries) as T;
}

/** The leaves with their paths (`state/params/conv_in.weight`). */
export function leavesOf(tree: Tree, path = ''): { path: string; tensor: Tensor }[] {
  const leaves: { path: string; tensor: Tensor }[] = [];
  const visit = (tensor: Tensor, at: string): Tensor => {
    leaves.push({ path: at, tensor });
    return tensor;
  };
  mapTree(tree, visit, path);
  return leaves;
}

/** Structure, shapes and element types of a tree as text: equal for trees that one trace serves, and for no others. */
export function signatureOf(tree: Tree): string {
  if (tree instanceof Tensor) return `${tree.dtype}[${tree.shape.join()}]`;
  if (Array.isArray(tree)) return `[${(tree as readonly Tree[]).map(signatureOf).join(';')}]`;
  const entries = Object.entries(tree as Record<string, Tree>);
  return `{${entries.map(([key, child]) => `${JSON.stringify(key)}:${signatureOf(child)}`).join(';')}}`;
}

/** Disposes every tensor of a tree. */
export function disposeTree(tree: Tree): void {
  for (const { tensor } of leavesOf(tree)) tensor.dispose();
}
