/** What every network here is applied to, and the checks of it. */
import { type Tensor } from '@immiscible/tensor-core';
import { type Weights } from './blocks/layers.ts';
import { ModelInputError, ModelWeightsError } from './errors.ts';

/** What a model is applied to: a tree of tensors, so that a compiled function can take it as it is. */
export type ModelInputs = {
  /** [B, in_channels, H, W], float32 or float16: what the network computes in */
  readonly sample: Tensor;
  /** float32 or int32 [B] */
  readonly timestep: Tensor;
  /** int32 [B], each in [0, num_class_embeds); wanted by class-conditional models, and by them only */
  readonly classLabels?: Tensor;
  /** int32 [B, 2], a stream for each sample: with it, and `dropout` above 0 in the config, units are dropped */
  readonly dropoutKey?: Tensor;
};

/** What the checks read of a config. */
interface Takes {
  readonly _class_name: string;
  readonly in_channels: number;
  readonly num_class_embeds: number | null;
}

function refuse(model: string, what: string, wanted: string, got: Tensor): never {
  throw new ModelInputError(
    `${model}: ${what}: wanted ${wanted}, got ${got.dtype} [${got.shape.join(', ')}]`,
  );
}

/** @throws ModelInputError unless height and width of `sample` are multiples of `multiple`; `why` says where it is from */
export function checkMultiple(model: string, sample: Tensor, multiple: number, why: string): void {
  if (sample.shape.slice(2).some((extent) => extent % multiple !== 0)) {
    const wanted = `height and width that are multiples of ${multiple} (${why}); pad or resize`;
    refuse(model, 'sample', wanted, sample);
  }
}

/** @throws ModelInputError unless height and width of `sample` are `size` */
export function checkSize(model: string, sample: Tensor, size: readonly [number, number]): void {
  if (sample.shape[2] !== size[0] || sample.shape[3] !== size[1]) {
    refuse(model, 'sample', `height and width ${size.join(' × ')} (sample_size)`, sample);
  }
}

/** @throws ModelInputError for an input of the wrong shape or type, or that is missing, or not wanted */
export function checkInputs(config: Takes, inputs: ModelInputs): void {
  const { _class_name: model, in_channels: channels, num_class_embeds: classes } = config;
  const { sample, timestep, classLabels, dropoutKey } = inputs;
  const batch = sample.shape[0];
  if (sample.ndim !== 4 || sample.shape[1] !== channels) {
    refuse(model, 'sample', `[B, ${channels}, H, W] (in_channels is ${channels})`, sample);
  }
  if (timestep.ndim !== 1 || timestep.shape[0] !== batch || !['float32', 'int32'].includes(timestep.dtype)) {
    refuse(model, 'timestep', `float32 or int32 [${batch}], one for each sample`, timestep);
  }
  if (classes === null) {
    if (classLabels) {
      throw new ModelInputError(
        `${model}: classLabels were given to a model without classes; leave them out, or set num_class_embeds`,
      );
    }
  } else if (!classLabels) {
    throw new ModelInputError(
      `${model}: classLabels are missing: the model has ${classes} classes; give int32 [${batch}]`,
    );
  } else if (classLabels.dtype !== 'int32' || classLabels.ndim !== 1 || classLabels.shape[0] !== batch) {
    refuse(model, 'classLabels', `int32 [${batch}], one for each sample`, classLabels);
  }
  const keyed = dropoutKey?.dtype === 'int32' && dropoutKey.ndim === 2;
  if (dropoutKey && !(keyed && dropoutKey.shape[0] === batch && dropoutKey.shape[1] === 2)) {
    refuse(model, 'dropoutKey', `int32 [${batch}, 2], two words for each sample`, dropoutKey);
  }
}

/** A record of parameters as layers ask for them. */
export function weightsOf(model: string, parameters: Readonly<Record<string, Tensor>>): Weights {
  return (name) => {
    const tensor = parameters[name];
    if (!tensor) {
      throw new ModelWeightsError(
        `${model}: the parameter ${name} is missing; check the weights with checkModelWeights`,
      );
    }
    return tensor;
  };
}
