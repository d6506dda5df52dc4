/**
 * What a network is trained to do, behind one interface, so that data, assignment, optimizer and checkpoints are the
 * same for every objective.
 *
 * An objective never draws noise and never sees any but the noise that was assigned: it comes with the images, and the
 * same tensor makes every noisy image and, where the objective has one, the target.
 */
import { type Tensor } from '@immiscible/tensor-core';
import { type Purpose } from '../streams.ts';

/** Images and what belongs to them, each image in its row; a type alias, so that compiled functions take it as a tree. */
export type Samples = {
  /** x_0 [B, C, H, W], float32, in [-1, 1] */
  readonly x0: Tensor;
  /** ε [B, C, H, W], float32, assigned */
  readonly noise: Tensor;
};

/** What an objective drew for each sample, by name: float32 [B] or [B, …]. */
export type Draws = Readonly<Record<string, Tensor>>;

/** Random numbers of the samples of a batch: each has its own streams, numbered by its place in the run. */
export interface SampleStreams {
  readonly size: number;
  /** The shape of one sample: [C, H, W]. */
  readonly shape: readonly number[];
  /** Uniform in [0, 1): the first `each` (default 1) of every sample's stream, [B · each]. */
  uniforms(purpose: Purpose, each?: number): Float32Array;
  /** Standard normal, the same way. */
  normals(purpose: Purpose, each?: number): Float32Array;
}

/** A network as objectives see it: F(sample [B, C, H, W], timestep [B]) → [B, C, H, W], float32 on both sides. */
export type Network = (sample: Tensor, timestep: Tensor) => Tensor;

export interface LossInputs<D extends Draws = Draws> {
  /** With the parameters that are trained. */
  readonly network: Network;
  /**
   * With the target's parameters: θ⁻ of the state where the objective keeps one, else the trained ones. Gradients do not
   * flow through it. Dropout masks are those of `network`.
   */
  readonly target: Network;
  readonly batch: Samples & D;
  /** The weights of a network that the loss looks through, where the objective has one. */
  readonly frozen: Readonly<Record<string, Tensor>>;
}

export interface Objective<D extends Draws = Draws> {
  /** What update `k` + 1 draws for its samples, k being the updates done before; on the host. */
  draws(k: number, streams: SampleStreams): D;
  /** The loss as a graph: float32 []. */
  loss(inputs: LossInputs<D>): Tensor;
  /**
   * μ(k) of θ⁻ ← μ θ⁻ + (1 − μ) θ after update `k` + 1, of objectives whose target network is an average. Absent
   * otherwise: then the state holds no target.
   */
  targetDecay?(k: number): number;
  /** Reads the weights that `loss` gets as `frozen`; host tensors. */
  readFrozen?(): Promise<Readonly<Record<string, Tensor>>>;
}

/** [B] as [B, 1, …], to be multiplied with `like`. */
export function perSample(values: Tensor, like: Tensor): Tensor {
  return values.reshape([-1, ...like.shape.slice(1).map(() => 1)]);
}

/** x_0 + σ z: an image at noise level σ. @param sigma [B] */
export function noisy({ x0, noise }: Samples, sigma: Tensor): Tensor {
  return x0.add(noise.mul(perSample(sigma, x0)));
}

/** Mean over samples of weight · the sample's mean over its elements. @param weight [B] */
export function weightedMean(values: Tensor, weight: Tensor): Tensor {
  return values
    .mean(values.shape.map((_, i) => i).slice(1))
    .mul(weight)
    .mean();
}
