/**
 * All parameters of a model as one vector, and where each of them lies in it.
 *
 * The optimizer, the average and the norm are the same arithmetic on every element; on one vector they are a dozen
 * operations, on a record of hundreds of tensors thousands of small ones. Models see names and shapes as before: inside
 * a program a parameter is a slice.
 */
import { concat, type Tensor, tensor } from '@immiscible/tensor-core';
import { CheckpointError } from './errors.ts';
import { type Tensors } from './optim/adam.ts';

export interface Slot {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
}

export class ParameterLayout {
  /** Sorted by name, so that a resumed run adds up in the very order of the run that it continues. */
  readonly slots: readonly Slot[];
  /** Elements in all. */
  readonly size: number;

  constructor(parameters: Readonly<Record<string, { readonly shape: readonly number[] }>>) {
    let offset = 0;
    this.slots = Object.keys(parameters)
      .sort()
      .map((name) => {
        const { shape } = parameters[name]!;
        const size = shape.reduce((product, extent) => product * extent, 1);
        const slot = { name, shape, offset, size };
        offset += size;
        return slot;
      });
    this.size = offset;
  }

  /** In a program: the record as one vector [size]. */
  join(parameters: Tensors): Tensor {
    return concat(
      this.slots.map(({ name, size }) => parameters[name]!.reshape([size])),
      0,
    );
  }

  /** In a program: the vector as a record. */
  split(vector: Tensor): Tensors {
    return Object.fromEntries(
      this.slots.map(({ name, shape, offset, size }) => [
        name,
        vector.slice([offset], [offset + size]).reshape(shape),
      ]),
    );
  }

  /**
   * On the host: the record as one vector, copied.
   *
   * @throws CheckpointError where a parameter is missing, left over or of another shape
   */
  async pack(parameters: Tensors): Promise<Tensor> {
    const vector = new Float32Array(this.size);
    const expected = new Set(this.slots.map(({ name }) => name));
    const unexpected = Object.keys(parameters).filter((name) => !expected.has(name));
    if (unexpected.length > 0) {
      throw new CheckpointError(
        `the model has no parameters ${unexpected.slice(0, 3).join(', ')}; use weights of this model`,
      );
    }
    for (const { name, shape, offset, size } of this.slots) {
      const value = parameters[name];
      if (value?.shape.join() !== shape.join()) {
        throw new CheckpointError(
          `parameter ${name}: wants [${shape.join(', ')}], got ${value ? `[${value.shape.join(', ')}]` : 'nothing'}; use weights of this model`,
        );
      }
      vector.set((await value.data()).subarray(0, size), offset);
    }
    return tensor(vector, [this.size]);
  }

  /** On the host: the vector as a record of views. They are overwritten when the vector is donated. */
  async unpack(vector: Tensor): Promise<Tensors> {
    return this.views((await vector.data()) as Float32Array);
  }

  /** The elements of the vector as a record of views. */
  views(data: Float32Array): Tensors {
    return Object.fromEntries(
      this.slots.map(({ name, shape, offset, size }) => [
        name,
        tensor(data.subarray(offset, offset + size), shape),
      ]),
    );
  }

  /** The parameter that element `index` of the vector belongs to. */
  nameAt(index: number): string {
    return this.slots.find(({ offset, size }) => index < offset + size)?.name ?? 'unknown';
  }
}
