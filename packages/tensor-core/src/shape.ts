/** Shapes: sizes, strides, axes and NumPy broadcasting. Pure functions on number arrays. */
import { ShapeError } from './errors.ts';

export type Shape = readonly number[];

/** Number of elements; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const d of shape) size *= d;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => d === b[i]);
}

/** `[2, 3]`, for messages. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** Throws unless every extent is a whole number of at least 0. */
export function checkShape(op: string, shape: Shape): void {
  for (const d of shape) {
    if (!Number.isSafeInteger(d) || d < 0) {
      throw new ShapeError(`${op}: a shape holds whole numbers of at least 0, got ${formatShape(shape)}`);
    }
  }
}

/** The shape that NumPy's rules give two operands. */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape {
  const ndim = Math.max(a.length, b.length);
  const out: number[] = [];
  for (let i = 0; i < ndim; i++) {
    const x = a[a.length - ndim + i] ?? 1;
    const y = b[b.length - ndim + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) {
      throw new ShapeError(
        `${op}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast: axis ${i - ndim} is ${x} against ${y}; reshape one of them`,
      );
    }
    out.push(x === 1 ? y : x);
  }
  return out;
}

/** A non-negative axis; `axis` may count from the end. */
export function normalizeAxis(op: string, axis: number, ndim: number): number {
  const result = axis < 0 ? axis + ndim : axis;
  if (!Number.isInteger(axis) || result < 0 || result >= ndim) {
    const fix = ndim === 0 ? 'reshape the scalar to [1] first' : `use ${-ndim} to ${ndim - 1}`;
    throw new ShapeError(`${op}: axis ${axis} is outside a tensor of ${ndim} axes; ${fix}`);
  }
  return result;
}

/** Sorted, unique, non-negative axes; all of them where none is given. */
export function normalizeAxes(
  op: string,
  axes: number | readonly number[] | undefined,
  ndim: number,
): number[] {
  if (axes === undefined) return Array.from({ length: ndim }, (_, i) => i);
  const list = typeof axes === 'number' ? [axes] : axes;
  const result = [...new Set(list.map((axis) => normalizeAxis(op, axis, ndim)))].sort((x, y) => x - y);
  if (result.length !== list.length)
    throw new ShapeError(`${op}: axes ${formatShape(list)} name one axis twice`);
  return result;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= shape[i]!;
  }
  return strides;
}

/** `shape` with `axes` set to 1 (`keepDims`) or dropped. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  return keepDims
    ? shape.map((d, i) => (axes.includes(i) ? 1 : d))
    : shape.filter((_, i) => !axes.includes(i));
}
