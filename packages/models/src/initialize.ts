/**
 * First values of parameters. Every parameter has its own random stream, found by its name: what it begins with depends
 * on the seed, its name and its shape, and not on the other parameters or their order.
 */
import { streamNormal, streamUniform } from '@immiscible/random';
import { tensor, type Tensor } from '@immiscible/tensor-core';
import { type ParameterInit, type ParameterSpec, type ParameterSpecs } from './parameters.ts';
import { unet2dParameters } from './unet-2d.ts';
import { type Unet2dConfig } from './unet-2d-config.ts';

export interface InitOptions {
  /**
   * - `torch` (the default, and diffusers'): weights and biases uniform in ±1/√fanIn (PyTorch's reset_parameters: He et
   *   al. 2015 with a = √5).
   * - `xavier`: weights uniform in ±√(6 / (fanIn + fanOut)) and biases 0 (Glorot & Bengio 2010), as in the DDPM of Ho et
   *   al. 2020 ("fan_avg").
   */
  readonly scheme?: 'torch' | 'xavier';
  /**
   * True: the last layer of every residual branch (`conv2`, `to_out.0`) and of the model (`conv_out`) is 0, so that the
   * untrained model answers 0. Ho et al. 2020 train so (there 0 is a variance of 1e-10), and papers that follow them;
   * diffusers does not, hence false by default.
   */
  readonly zeroInit?: boolean;
}

/** Streams of parameters begin here: far above those that count samples or steps under the same seed. */
const FIRST_STREAM = 2 ** 52;

/** The stream of a parameter: 2^52 + the low 52 bits of the 64-bit FNV-1a hash of its name. */
function streamOf(name: string): number {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return FIRST_STREAM + Number(BigInt.asUintN(52, hash));
}

/** Half the width of the interval that a weight or a bias is drawn from. */
function bound(init: ParameterInit & { kind: 'weight' | 'bias' }, options: InitOptions): number {
  if (options.zeroInit === true && init.endsBranch) return 0;
  const gain = (init.kind === 'weight' ? init.gain : undefined) ?? 1;
  if (options.scheme !== 'xavier') return gain / Math.sqrt(init.fanIn);
  return init.kind === 'weight' ? gain * Math.sqrt(6 / (init.fanIn + init.fanOut)) : 0;
}

function draw(
  name: string,
  { shape, init }: ParameterSpec,
  seed: number,
  options: InitOptions,
): Float32Array {
  const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
  switch (init.kind) {
    case 'constant':
      return values.fill(init.value);
    case 'normal':
      streamNormal(seed, streamOf(name), values);
      for (let i = 0; i < values.length; i++) values[i]! *= init.deviation;
      return values;
    case 'weight':
    case 'bias': {
      const half = bound(init, options);
      if (half === 0) return values;
      streamUniform(seed, streamOf(name), values);
      for (let i = 0; i < values.length; i++) values[i] = half * (2 * values[i]! - 1);
      return values;
    }
  }
}

/** First values for the parameters of any model; `initUnet2d` has the parameters of a UNet2DModel. */
export function initParameters(
  specs: ParameterSpecs,
  seed: number,
  options: InitOptions = {},
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, tensor(draw(name, spec, seed, options), spec.shape)]),
  );
}

/**
 * First values for every parameter of a UNet2DModel.
 *
 * @param seed a whole number from 0 to 2^53 − 1
 * @returns float32 tensors on the host, under diffusers' names
 */
export function initUnet2d(
  config: Unet2dConfig,
  seed: number,
  options: InitOptions = {},
): Record<string, Tensor> {
  return initParameters(unet2dParameters(config), seed, options);
}
