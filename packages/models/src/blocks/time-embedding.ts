/**
 * Timesteps as vectors: sinusoids (Ho et al. 2020, after Vaswani et al. 2017, section 3.5) or random Fourier features
 * (Song et al. 2021, "Score-based generative modeling", appendix C), then two linear layers.
 */
import { concat, log, silu, stopGradient, tensor, type Tensor } from '@immiscible/tensor-core';
import { type ParameterSpecs } from '../parameters.ts';
import { dense, denseSpecs, type Weights } from './layers.ts';

export interface SinusoidOptions {
  /** Length of the vector; where it is odd, the last entry is 0. */
  readonly channels: number;
  /** The lowest frequency is 10000^−((h − 1) / (h − freqShift)), h = ⌊channels / 2⌋. */
  readonly freqShift: number;
  /** True: cosines first. */
  readonly flipSinToCos: boolean;
}

const MAX_PERIOD = 10_000;

/** Frequencies 10000^(−i / (h − freqShift)), i = 0 … h − 1, rounded to float32 where PyTorch rounds. */
function frequencies(half: number, freqShift: number): Float32Array {
  const slope = Math.fround(-Math.log(MAX_PERIOD));
  return Float32Array.from({ length: half }, (_, i) =>
    Math.exp(Math.fround(Math.fround(slope * i) / (half - freqShift))),
  );
}

function sineAndCosine(angles: Tensor, cosineFirst: boolean): Tensor {
  const parts = [angles.sin(), angles.cos()];
  return concat(cosineFirst ? parts.reverse() : parts, 1);
}

/**
 * diffusers' get_timestep_embedding.
 *
 * @param timesteps float32 or int32 [B]; fractions are welcome
 * @returns float32 [B, channels]
 */
export function timestepEmbedding(timesteps: Tensor, options: SinusoidOptions): Tensor {
  const { channels, freqShift, flipSinToCos } = options;
  const half = Math.floor(channels / 2);
  const t = timesteps.cast('float32').reshape([-1, 1]);
  const angles = t.mul(tensor(frequencies(half, freqShift), [1, half])); // [B, half]
  const embedding = sineAndCosine(angles, flipSinToCos);
  return channels % 2 === 0
    ? embedding
    : embedding.pad([
        [0, 0],
        [0, 1],
      ]);
}

/**
 * Random Fourier features: sines, then cosines, of 2π · frequencies · t.
 *
 * @param t float32 [B]
 * @param weight the frequencies [F], which are not learned; best in float32, also where the network is not: an angle of
 *   float16 may be wrong by tenths
 * @returns float32 [B, 2F]
 */
export function fourierFeatures(t: Tensor, weight: Tensor): Tensor {
  const frequencies = stopGradient(weight).cast('float32').reshape([1, -1]);
  return sineAndCosine(t.reshape([-1, 1]).mul(frequencies).mul(2).mul(Math.PI), false);
}

/**
 * diffusers' GaussianFourierProjection: the Fourier features of ln t.
 *
 * @param timesteps float32 or int32 [B], above 0
 * @param weight the frequencies [F]
 * @returns float32 [B, 2F]
 */
export function fourierEmbedding(timesteps: Tensor, weight: Tensor): Tensor {
  return fourierFeatures(log(timesteps.cast('float32')), weight);
}

/** The two linear layers behind either of them. */
export function timeMlpSpecs(path: string, inputs: number, outputs: number): ParameterSpecs {
  return {
    ...denseSpecs(`${path}.linear_1`, inputs, outputs),
    ...denseSpecs(`${path}.linear_2`, outputs, outputs),
  };
}

/** [B, inputs] → [B, outputs]; SiLU between the layers, whatever the model's `act_fn`. */
export function timeMlp(weights: Weights, path: string, embedding: Tensor): Tensor {
  return dense(weights, `${path}.linear_2`, silu(dense(weights, `${path}.linear_1`, embedding)));
}
