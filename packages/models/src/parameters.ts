/** What a model's parameters are before they have values: names, shapes, how each begins, and whether it is learned. */

/** How a parameter's first values are drawn. Fans are inputs and outputs of one unit, as PyTorch counts them. */
export type ParameterInit =
  | (Fans & {
      readonly kind: 'weight';
      /** A factor on what it is drawn with; 1 where omitted. */
      readonly gain?: number;
    })
  | (Fans & { readonly kind: 'bias' })
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'normal'; readonly deviation: number };

interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
  /** It belongs to the last layer of a residual branch or of the model, which DDPM starts at 0. */
  readonly endsBranch: boolean;
}

export interface ParameterSpec {
  readonly shape: readonly number[];
  readonly init: ParameterInit;
  /** False for what is stored with the model and not learned: Fourier frequencies. */
  readonly trainable: boolean;
}

/** Specifications by name, in the order in which data meets them. */
export type ParameterSpecs = Record<string, ParameterSpec>;

/** Number of values in all: `countParameters(unet2dParameters(config))`, or of a record of tensors. */
export function countParameters(
  parameters: Readonly<Record<string, { readonly shape: readonly number[] }>>,
): number {
  return Object.values(parameters).reduce((sum, { shape }) => sum + shape.reduce((n, d) => n * d, 1), 0);
}
