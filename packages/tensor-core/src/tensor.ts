/**
 * The tensor: a lazy, immutable handle on a node of the graph.
 *
 * Arithmetic builds graph; `data()` compiles and runs what is needed, on the default device.
 */
import { checkHostArray, type DType, dtypeOf, type HostArray, hostArrayOf } from './dtype.ts';
import { DisposedError, ShapeError } from './errors.ts';
import { evaluate } from './evaluate.ts';
import { fromFloat16 } from './float16.ts';
import { constantNode, dataNode, type Node } from './graph/node.ts';
import { Storage } from './graph/storage.ts';
import * as ops from './ops/index.ts';
import { checkShape, formatShape, type Shape, sizeOf } from './shape.ts';

/** A tensor, or a number that takes the other operand's dtype. */
export type Operand = Tensor | number;

export class Tensor {
  #node: Node;
  #disposed = false;
  /** The evaluation under way, shared by all who wait for it. */
  #evaluation: Promise<Storage> | undefined;

  constructor(node: Node) {
    this.#node = node;
  }

  /** The node behind this handle, for code that transforms graphs. */
  get node(): Node {
    if (this.#disposed)
      throw new DisposedError('this tensor was disposed; keep a handle as long as you use it');
    return this.#node;
  }

  get shape(): Shape {
    return this.#node.shape;
  }

  get dtype(): DType {
    return this.#node.dtype;
  }

  get size(): number {
    return sizeOf(this.#node.shape);
  }

  get ndim(): number {
    return this.#node.shape.length;
  }

  /** True once the value exists and was neither disposed nor donated. */
  get isConcrete(): boolean {
    return !this.#disposed && this.#node.storage !== undefined && !this.#node.storage.disposed;
  }

  /** Computes the value, on the default device, unless it exists; the handle then stands for the value alone. */
  async evaluate(): Promise<this> {
    if (this.node.storage === undefined) {
      this.#evaluation ??= evaluate(this.node);
      try {
        const storage = await this.#evaluation;
        if (this.#node.storage === undefined) this.#node = dataNode(storage);
        if (this.#disposed) storage.dispose();
      } finally {
        this.#evaluation = undefined;
      }
    }
    return this;
  }

  /**
   * The elements in row-major order: Float32Array for float32, Int32Array for int32, Uint8Array for uint8 and bool,
   * Uint16Array (bits) for float16. Do not write into it; it stays as it is, whatever becomes of the tensor.
   *
   * @throws DisposedError after `dispose()` or donation; TensorError inside a traced function
   */
  async data(): Promise<HostArray> {
    await this.evaluate();
    return this.#node.storage!.read();
  }

  /** The one element of a tensor of size 1. */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError(`item: wants a tensor of one element, got ${formatShape(this.shape)}`);
    const value = (await this.data())[0]!;
    return this.dtype === 'float16' ? fromFloat16(value) : value;
  }

  /** Frees the value. Lazy handles built on it can no longer be computed. */
  dispose(): void {
    this.#node.storage?.dispose();
    this.#disposed = true;
  }

  toString(): string {
    return `Tensor(${this.dtype} ${formatShape(this.shape)}, ${this.#node.op})`;
  }

  #with(other: Operand): Node {
    return nodeOf(other, this.dtype);
  }

  add(other: Operand): Tensor {
    return new Tensor(ops.add(this.node, this.#with(other)));
  }
  sub(other: Operand): Tensor {
    return new Tensor(ops.sub(this.node, this.#with(other)));
  }
  mul(other: Operand): Tensor {
    return new Tensor(ops.mul(this.node, this.#with(other)));
  }
  div(other: Operand): Tensor {
    return new Tensor(ops.div(this.node, this.#with(other)));
  }
  pow(other: Operand): Tensor {
    return new Tensor(ops.pow(this.node, this.#with(other)));
  }
  maximum(other: Operand): Tensor {
    return new Tensor(ops.maximum(this.node, this.#with(other)));
  }
  minimum(other: Operand): Tensor {
    return new Tensor(ops.minimum(this.node, this.#with(other)));
  }
  less(other: Operand): Tensor {
    return new Tensor(ops.less(this.node, this.#with(other)));
  }
  greater(other: Operand): Tensor {
    return new Tensor(ops.greater(this.node, this.#with(other)));
  }
  equal(other: Operand): Tensor {
    return new Tensor(ops.equal(this.node, this.#with(other)));
  }
  neg(): Tensor {
    return new Tensor(ops.neg(this.node));
  }
  exp(): Tensor {
    return new Tensor(ops.exp(this.node));
  }
  log(): Tensor {
    return new Tensor(ops.log(this.node));
  }
  sqrt(): Tensor {
    return new Tensor(ops.sqrt(this.node));
  }
  reciprocal(): Tensor {
    return new Tensor(ops.reciprocal(this.node));
  }
  square(): Tensor {
    return new Tensor(ops.square(this.node));
  }
  abs(): Tensor {
    return new Tensor(ops.abs(this.node));
  }
  sign(): Tensor {
    return new Tensor(ops.sign(this.node));
  }
  sin(): Tensor {
    return new Tensor(ops.sin(this.node));
  }
  cos(): Tensor {
    return new Tensor(ops.cos(this.node));
  }
  tanh(): Tensor {
    return new Tensor(ops.tanh(this.node));
  }
  sigmoid(): Tensor {
    return new Tensor(ops.sigmoid(this.node));
  }
  silu(): Tensor {
    return new Tensor(ops.silu(this.node));
  }
  relu(): Tensor {
    return new Tensor(ops.relu(this.node));
  }
  gelu(): Tensor {
    return new Tensor(ops.gelu(this.node));
  }
  erf(): Tensor {
    return new Tensor(ops.erf(this.node));
  }
  cast(dtype: DType): Tensor {
    return new Tensor(ops.cast(this.node, dtype));
  }
  sum(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.sum(this.node, axes, keepDims));
  }
  mean(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.mean(this.node, axes, keepDims));
  }
  max(axes?: number | readonly number[], keepDims = false): Tensor {
    return new Tensor(ops.max(this.node, axes, keepDims));
  }
  reshape(shape: Shape): Tensor {
    return new Tensor(ops.reshape(this.node, shape));
  }
  transpose(permutation?: readonly number[]): Tensor {
    return new Tensor(ops.transpose(this.node, permutation));
  }
  expand(shape: Shape): Tensor {
    return new Tensor(ops.expand(this.node, shape));
  }
  slice(starts: readonly number[], ends: readonly number[]): Tensor {
    return new Tensor(ops.slice(this.node, starts, ends));
  }
  pad(pairs: readonly (readonly number[])[], value = 0): Tensor {
    return new Tensor(ops.pad(this.node, pairs, value));
  }
  flip(axes: readonly number[]): Tensor {
    return new Tensor(ops.flip(this.node, axes));
  }
  matmul(other: Tensor, options: Partial<ops.MatmulAttrs> = {}): Tensor {
    return new Tensor(ops.matmul(this.node, other.node, options));
  }
}

/**
 * The node of an operand; a number becomes a scalar constant of `dtype`.
 *
 * @throws DTypeError for a fraction beside whole numbers
 */
export function nodeOf(operand: Operand, dtype: DType): Node {
  if (typeof operand !== 'number') return operand.node;
  return constantNode(hostArrayOf('operand', [operand], dtype), { shape: [], dtype });
}

/**
 * A tensor from host data. Typed arrays are not copied: do not write into them while the tensor lives.
 *
 * @param shape a vector where omitted (a scalar for a number)
 * @param dtype what the typed array means where omitted; float32 for numbers
 * @throws ShapeError where the shape wants another number of elements; DTypeError where the array or a number does not
 * fit the dtype
 */
export function tensor(data: HostArray | readonly number[] | number, shape?: Shape, dtype?: DType): Tensor {
  const host = ArrayBuffer.isView(data)
    ? data
    : hostArrayOf('tensor', typeof data === 'number' ? [data] : data, dtype ?? 'float32');
  const type = dtype ?? dtypeOf(host);
  checkHostArray(host, type);
  const extent = shape ?? (typeof data === 'number' ? [] : [host.length]);
  checkShape('tensor', extent);
  if (sizeOf(extent) !== host.length) {
    throw new ShapeError(
      `tensor: ${formatShape(extent)} wants ${sizeOf(extent)} elements, got ${host.length}`,
    );
  }
  return new Tensor(dataNode(Storage.fromHost({ shape: [...extent], dtype: type }, host)));
}

/** Every element `value`; part of the program, without memory of its own. */
export function full(shape: Shape, value: number, dtype: DType = 'float32'): Tensor {
  checkShape('full', shape);
  const data = hostArrayOf('full', [value], dtype);
  return new Tensor(ops.expand(constantNode(data, { shape: [], dtype }), shape));
}
