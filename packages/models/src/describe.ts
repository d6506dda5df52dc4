/** How large a model is and what a forward pass costs, read from the graph that it traces to. */
import { type Tensor, zeros } from '@immiscible/tensor-core';
import { sidesOf } from './config-fields.ts';
import { ModelConfigError } from './errors.ts';
import { applyModel, modelParameters } from './model.ts';
import { type ModelConfig } from './model-config.ts';
import { countParameters } from './parameters.ts';
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

/** Sums of products that a node stands for: how many there are, and the terms of each. */
function sumsOf({ op, inputs, attrs, shape }: Tensor['node']): { elements: number; terms: number }[] {
  const elements = sizeOf(shape);
  switch (op) {
    case 'conv2d':
      return [{ elements, terms: sizeOf(inputs[1]!.shape.slice(1)) }];
    case 'matmul':
      return [{ elements, terms: inputs[0]!.shape.at(attrs['transposeA'] === true ? -2 : -1)! }];
    case 'attention': {
      // q kᵀ, and its softmax times v.
      const [keys, depth] = inputs[1]!.shape.slice(-2) as [number, number];
      return [
        { elements: (elements / depth) * keys, terms: depth },
        { elements, terms: keys },
      ];
    }
    default:
      return [];
  }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((n, d) => n * d, 1);
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
    for (const { elements, terms } of sumsOf(node)) {
      multiplyAdds += elements * terms;
      activations += elements;
    }
  }
  return { multiplyAdds, activations };
}

/**
 * Parameters of a model, and the cost of a forward pass for one sample. Nothing is computed for it: the model is traced
 * on zeros that have no memory.
 *
 * @param size [height, width]; the config's `sample_size` where omitted
 * @throws ModelConfigError where neither says how large an image is
 */
export function describeModel(config: ModelConfig, size?: readonly [number, number]): ModelDescription {
  const side = size ?? config.sample_size;
  if (side === null) {
    throw new ModelConfigError(
      `${config._class_name} config: sample_size is null; say for which [height, width] to count`,
    );
  }
  const [height, width] = sidesOf(side);
  const specs = modelParameters(config);
  const parameters = Object.fromEntries(
    Object.entries(specs).map(([name, { shape }]) => [name, zeros(shape)]),
  );
  const output = applyModel(config, parameters, {
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

/** `describeModel` of a UNet2DModel. */
export function describeUnet2d(config: Unet2dConfig, size?: readonly [number, number]): ModelDescription {
  return describeModel(config, size);
}
