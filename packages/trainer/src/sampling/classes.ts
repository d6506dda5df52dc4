/**
 * Classes of a sample and classifier-free guidance: Ho & Salimans, "Classifier-Free Diffusion Guidance" (2022), in the form of
 * Imagen and diffusers, output = unconditional + w·(conditional − unconditional), so that w = 1 is no guidance.
 */
import { applyModel, type ModelConfig } from '@immiscible/models';
import { concat, tensor, type Tensor, type Tree } from '@immiscible/tensor-core';
import { SampleError } from '../errors.ts';
import { type Tensors } from '../optim/adam.ts';

/** A type alias, not an interface: compiled functions take it as a tree. */
export type PlainInputs = {
  readonly parameters: Tensors;
  /** [B, C, H, W] */
  readonly sample: Tensor;
  /** float32 [B] */
  readonly timestep: Tensor;
  /** int32 [B] */
  readonly labels?: Tensor;
} & Readonly<Record<string, Tree>>;

export type GuidedInputs = {
  readonly parameters: Tensors;
  readonly sample: Tensor;
  readonly timestep: Tensor;
  readonly labels: Tensor;
  /** int32 [B], all of them the label of no class */
  readonly nullLabels: Tensor;
  /** w, float32 [1, 1, 1, 1] */
  readonly guidance: Tensor;
} & Readonly<Record<string, Tree>>;

/** What guidance needs beside the inputs of a model with classes. */
export function guidedInputs(inputs: PlainInputs, { weight, nullLabel }: Guidance): GuidedInputs {
  const labels = inputs.labels!;
  return {
    ...inputs,
    labels,
    nullLabels: tensor(new Int32Array(labels.size).fill(nullLabel), labels.shape),
    guidance: tensor(Float32Array.of(weight), [1, 1, 1, 1]),
  };
}

/** The network's output. */
export function plainOutput(
  model: ModelConfig,
  { parameters, sample, timestep, labels }: PlainInputs,
): Tensor {
  return applyModel(model, parameters, { sample, timestep, ...(labels ? { classLabels: labels } : {}) });
}

/** The guided output: one batch of 2B goes through the network, [B, C, H, W] comes out. */
export function guidedOutput(model: ModelConfig, inputs: GuidedInputs): Tensor {
  const { parameters, sample, timestep, labels, nullLabels, guidance } = inputs;
  const both = applyModel(model, parameters, {
    sample: concat([sample, sample], 0),
    timestep: concat([timestep, timestep], 0),
    classLabels: concat([nullLabels, labels], 0),
  });
  const [batch, ...rest] = sample.shape;
  const zeros = rest.map(() => 0);
  const unconditional = both.slice([0, ...zeros], [batch!, ...rest]);
  const conditional = both.slice([batch!, ...zeros], [2 * batch!, ...rest]);
  return unconditional.add(conditional.sub(unconditional).mul(guidance));
}

/**
 * Checks the class of every sample: an index that the embedding does not have would silently be another class's.
 *
 * @throws SampleError
 */
export function checkLabels(
  { num_class_embeds: classes }: ModelConfig,
  labels: readonly number[] | undefined,
  samples: number,
): void {
  if (classes === null) {
    if (labels) throw new SampleError('sample: the model has no classes; leave the labels out');
    return;
  }
  if (labels?.length !== samples) {
    throw new SampleError(
      `sample: the model has ${classes} classes, so every image wants a label; got ${labels?.length ?? 0} labels for ${samples} seeds`,
    );
  }
  const wrong = labels.find((label) => !Number.isInteger(label) || label < 0 || label >= classes);
  if (wrong !== undefined) {
    throw new SampleError(`sample: wants labels from 0 to ${classes - 1}, got ${wrong}`);
  }
}

/** Guidance that is more than none. */
export interface Guidance {
  /** w */
  readonly weight: number;
  readonly nullLabel: number;
}

/**
 * Checks that a model can be guided.
 *
 * @param weight w, from 0
 * @param nullLabel the label that stands for no class
 * @returns undefined where the weight is 1, which is no guidance
 * @throws SampleError where the model has no classes, or no label that stands for none
 */
export function checkGuidance(
  { num_class_embeds: classes }: ModelConfig,
  weight: number,
  nullLabel: number | undefined,
): Guidance | undefined {
  if (!(weight >= 0 && Number.isFinite(weight))) {
    throw new SampleError(`sample: wants guidance from 0, of which 1 is none, got ${weight}`);
  }
  if (weight === 1) return undefined;
  if (classes === null) {
    throw new SampleError('sample: guidance is for models with classes, and this one has none; leave it out');
  }
  if (nullLabel === undefined) {
    throw new SampleError(
      'sample: guidance wants the label that stands for no class, which a model has if it was trained with label dropout; ' +
        `name it (often the last, ${classes - 1})`,
    );
  }
  if (!Number.isInteger(nullLabel) || nullLabel < 0 || nullLabel >= classes) {
    throw new SampleError(`sample: wants a null label from 0 to ${classes - 1}, got ${nullLabel}`);
  }
  return { weight, nullLabel };
}
