/** How large a model is and what a forward pass costs, read from the graph that it traces to. */
import { type Tensor, zeros } from '@immiscible/tensor-core';
import { ModelConfigError } from './errors.ts';
import { countParameters } from './parameters.ts';
import { applyUnet2d, unet2dParameters } from './unet-2d.ts';
import { type Unet2dConfig } from './unet-2d-config.ts';

export interface ModelDescription {
  /** Values that are learned, and those that are stored and not learned. */
  readonly parameters: number;
  readonly frozen: number;
  /** Arrays that hold them. */
  readonly tensors: number;
  /** [height, width] that the costs below are for. */
  readonly size: readonly [number, number];
  /** Multiplications with addition of convolutions and matrix products in one forward pass of one sample. */
  readonly multiplyAdds: number;
  /** Elements that these put out (the "activations" of Radosavovic et al. 2020), for one sample. */
  readonly activations: number;
}

/** Terms of the sum behind each element that a node puts out; undefined for nodes that are not such sums. */
function termsOf({ op, inputs, attrs }: Tensor['node']): number | undefined {
  if (op === 'conv2d') return inputs[1]!.shape.slice(1).reduce((n, d) => n * d, 1);
  if (op === 'matmul') return inputs[0]!.shape.at(attrs['transposeA'] === true ? -2 : -1)!;
  return undefined;
}

/** Sums over every node that `output` needs. */
function costOf(output: Tensor): { multiplyAdds: number; activations: number } {
  const seen = new Set<Tensor['node']>();
  const waiting = [output.node];
  let multiplyAdds = 0;
  let activations = 0;
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    waiting.push(...node.inputs);
    const terms = termsOf(node);
    if (terms === undefined) continue;
    const elements = node.shape.reduce((n, d) => n * d, 1);
    multiplyAdds += elements * terms;
    activations += elements;
  }
  return { multiplyAdds, activations };
}

/**
 * Parameters of a UNet2DModel, and the cost of a forward pass for one sample. Nothing is computed for it: the model is
 * traced on zeros that have no memory.
 *
 * @param size [height, width]; the config's `sample_size` where omitted
 * @throws ModelConfigError where neither says how large an image is
 */
export function describeUnet2d(config: Unet2dConfig, size?: readonly [number, number]): ModelDescription {
  const side = size ?? config.sample_size;
  if (side === null) {
    throw new ModelConfigError(
      'UNet2DModel config: sample_size is null; say for which [height, width] to count',
    );
  }
  const [height, width] = typeof side === 'number' ? [side, side] : side;
  const specs = unet2dParameters(config);
  const parameters = Object.fromEntries(
    Object.entries(specs).map(([name, { shape }]) => [name, zeros(shape)]),
  );
  const output = applyUnet2d(config, parameters, {
    sample: zeros([1, config.in_channels, height, width]),
    timestep: zeros([1]),
    ...(config.num_class_embeds === null ? {} : { classLabels: zeros([1], 'int32') }),
  });
  const frozen = Object.fromEntries(Object.entries(specs).filter(([, { trainable }]) => !trainable));
  return {
    parameters: countParameters(specs) - countParameters(frozen),
    frozen: countParameters(frozen),
    tensors: Object.keys(specs).length,
    size: [height, width],
    ...costOf(output),
  };
}
