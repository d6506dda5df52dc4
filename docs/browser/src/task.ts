/** What both arms learn: where samples come from, and the network that learns them. */
import { type NoiseSchedule } from '@immiscible/schedulers';
import { type Tensor } from '@immiscible/tensor-core';

/** Parameters by name, as `@immiscible/models` makes them. */
export type Tensors = Record<string, Tensor>;

export interface Task {
  /** How samples are shown: points in the plane, or grey images. */
  readonly kind: 'points' | 'images';
  /** Of one sample: [2], or [1, H, W]. */
  readonly shape: readonly number[];
  readonly batchSize: number;
  readonly learningRate: number;
  /** How many samples each arm shows. */
  readonly shown: number;
  /** of v-prediction */
  readonly schedule: NoiseSchedule;
  /** First values of the parameters, float32. */
  init(seed: number): Tensors;
  /** v = √ᾱ_t ε − √(1 − ᾱ_t) x_0 of `sample` [B, ...shape] at `timestep` float32 [B]. */
  predict(parameters: Tensors, sample: Tensor, timestep: Tensor): Tensor;
  /** One batch x_0 [batchSize, ...shape] in about [-1, 1], the same for the same seed and stream. */
  draw(seed: number, stream: number): Float32Array;
}

/** Numbers in one sample of a task. */
export function sampleSize({ shape }: Pick<Task, 'shape'>): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
