/**
 * Label dropout: a share of the samples is trained as being of no class, so that samples of the model can be guided (Ho &
 * Salimans, "Classifier-Free Diffusion Guidance" (2022), algorithm 1). The model's last label stands for no class.
 */
import { type RunConfig } from './config.ts';
import { type SampleStreams } from './objectives/objective.ts';

type Classes = Pick<RunConfig, 'model' | 'training'>;

/** The label that stands for no class; undefined where a run has none, for want of dropout or of classes. */
export function nullLabelOf({ model, training }: Classes): number | undefined {
  const { num_class_embeds: labels } = model;
  return labels === null || training.labelDropout === 0 ? undefined : labels - 1;
}

/** How many classes images have: the model's labels, but for the one that stands for none; undefined without classes. */
export function classCountOf(config: Classes): number | undefined {
  return nullLabelOf(config) ?? config.model.num_class_embeds ?? undefined;
}

/** Drops the labels of a share of a batch, chosen by each sample's own stream. @returns new labels, int32 [B] */
export function dropLabels(
  config: Classes,
  labels: Int32Array,
  streams: Pick<SampleStreams, 'uniforms'>,
): Int32Array {
  const none = nullLabelOf(config);
  if (none === undefined) return labels;
  const draws = streams.uniforms('labelDropout');
  return labels.map((label, i) => (draws[i]! < config.training.labelDropout ? none : label));
}
