/** What a config says of network, objective and sampler, in words: for `info` and for the report. */
import { hasBetas } from '@immiscible/schedulers';
import { type CompareConfig, samplerOf } from '@immiscible/trainer';
import { count, list, plural } from './format.ts';

type Facts = readonly (readonly [name: string, text: string])[];

/** The make of a network, one fact a line. */
export function architectureFacts(model: CompareConfig['model']): Facts {
  const classes: Facts = model.num_class_embeds === null ? [] : [['classes', count(model.num_class_embeds)]];
  switch (model._class_name) {
    case 'UNet2DModel': {
      const blocks = model.down_block_types.map((name) => name.replace('Block2D', ''));
      const heads = `attention heads of ${model.attention_head_dim ?? 'all'} channels`;
      return [
        ['levels', model.block_out_channels.map((width, i) => `${width} (${blocks[i]})`).join(' → ')],
        ['layers', `${model.layers_per_block} a block; ${heads}; dropout ${model.dropout}`],
        ...classes,
      ];
    }
    case 'NCSNpp': {
      const { model_channels: channels, channel_mult: multipliers, attn_resolutions: attention } = model;
      const sides = attention.length === 0 ? 'no attention' : `attention at ${attention.join(', ')}`;
      return [
        ['levels', multipliers.map((multiplier) => channels * multiplier).join(' → ')],
        ['layers', `${model.num_blocks} a level; ${sides}; dropout ${model.dropout}`],
        ['time', `${model.embedding_type} embedding`],
        ['resampling', `filter [${model.resample_filter.join(', ')}], ${model.encoder_type} encoder`],
        ...classes,
      ];
    }
    case 'MLP':
      return [
        ['layers', model.hidden_channels.join(' → ')],
        ['time', `${model.time_embedding_dim} features; dropout ${model.dropout}`],
        ...classes,
      ];
  }
}

/** What the network learns. */
export function objectiveText({
  objective,
  scheduler,
}: Pick<CompareConfig, 'objective' | 'scheduler'>): string {
  if (!hasBetas(scheduler)) return objective.kind.replaceAll('-', ' ');
  const { prediction_type: prediction, num_train_timesteps: steps, beta_schedule: betas } = scheduler;
  return `${prediction}, ${plural(steps, 'timestep')}, β ${betas}`;
}

/** What measurements sample with. */
export function samplerText({
  scheduler,
  evaluation,
}: Pick<CompareConfig, 'scheduler' | 'evaluation'>): string {
  const spacing =
    hasBetas(scheduler) && 'timestep_spacing' in scheduler ? `, ${scheduler.timestep_spacing} spacing` : '';
  const most = Math.max(...evaluation.samplingSteps);
  return `${samplerOf(scheduler)}, ${list(evaluation.samplingSteps)} ${most === 1 ? 'step' : 'steps'}${spacing}`;
}
