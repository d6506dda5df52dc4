/**
 * From a config to the network's structure: which layers, with which channels, under which names. Parameters and
 * application both read this one plan, so that they cannot disagree.
 */
import { type BigGanPlan, groupsOf } from './blocks/biggan.ts';
import { type NcsnppConfig } from './ncsnpp-config.ts';

/** A residual block; `joins`: it is given the newest skip beside its input. */
interface BlockStep {
  readonly kind: 'block';
  readonly block: BigGanPlan;
  readonly joins: boolean;
}

/** A 3×3 convolution: the first layer (`first`), or that of the image as it came to the level above (`image`). */
interface ConvolutionStep {
  readonly kind: 'first' | 'image';
  readonly path: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** A layer on the way down or up. */
export type NcsnppStep = BlockStep | ConvolutionStep;

export interface NcsnppPlan {
  readonly noiseChannels: number;
  readonly embeddingChannels: number;
  readonly down: readonly NcsnppStep[];
  readonly up: readonly BlockStep[];
  /** The last norm and convolution are `${lastPath}_norm`, `${lastPath}_conv`. */
  readonly lastPath: string;
  readonly lastChannels: number;
}

/** The structure for this config. Residual blocks are numbered (`salt`) in the order of the data. */
export function planNcsnpp(config: NcsnppConfig): NcsnppPlan {
  const { model_channels: base, channel_mult: multipliers, num_blocks: blocks } = config;
  const embeddingChannels = base * config.channel_mult_emb;
  let salt = 0;
  const block = (
    path: string,
    inputs: number,
    outputs: number,
    rest: Partial<Pick<BigGanPlan, 'resample' | 'attends'>> = {},
  ): BigGanPlan => ({
    path,
    inputs,
    outputs,
    embeddingChannels,
    resample: 'none',
    filter: config.resample_filter,
    attends: false,
    dropout: config.dropout,
    salt: salt++,
    ...rest,
  });
  const sideOf = (level: number): number => config.sample_size / 2 ** level;
  const nameOf = (level: number): string => `${sideOf(level)}x${sideOf(level)}`;

  const down: NcsnppStep[] = [];
  const skips: number[] = [];
  let width = base;
  let imageChannels = config.in_channels; // of what the residual encoder carries along
  multipliers.forEach((multiplier, level) => {
    const path = `enc.${nameOf(level)}`;
    if (level === 0) {
      down.push({ kind: 'first', path: `${path}_conv`, inputs: config.in_channels, outputs: base });
    } else {
      const halving = block(`${path}_down`, width, width, { resample: 'down' });
      down.push({ kind: 'block', block: halving, joins: false });
      if (config.encoder_type === 'residual') {
        down.push({ kind: 'image', path: `${path}_aux_residual`, inputs: imageChannels, outputs: width });
        imageChannels = width;
      }
    }
    skips.push(width);
    const attends = config.attn_resolutions.includes(sideOf(level));
    for (let i = 0; i < blocks; i++) {
      const outputs = base * multiplier;
      down.push({
        kind: 'block',
        block: block(`${path}_block${i}`, width, outputs, { attends }),
        joins: false,
      });
      width = outputs;
      skips.push(width);
    }
  });

  const up: BlockStep[] = [];
  const through = (path: string, rest: Parameters<typeof block>[3]): void => {
    up.push({ kind: 'block', block: block(path, width, width, rest), joins: false });
  };
  for (let level = multipliers.length - 1; level >= 0; level--) {
    const path = `dec.${nameOf(level)}`;
    if (level === multipliers.length - 1) {
      through(`${path}_in0`, { attends: true });
      through(`${path}_in1`, {});
    } else {
      through(`${path}_up`, { resample: 'up' });
    }
    for (let i = 0; i <= blocks; i++) {
      const inputs = width + skips.pop()!;
      width = base * multipliers[level]!;
      const attends = i === blocks && config.attn_resolutions.includes(sideOf(level));
      up.push({ kind: 'block', block: block(`${path}_block${i}`, inputs, width, { attends }), joins: true });
    }
  }

  return {
    noiseChannels: base * config.channel_mult_noise,
    embeddingChannels,
    down,
    up,
    lastPath: `dec.${nameOf(0)}_aux`,
    lastChannels: width,
  };
}

/** Channels and groups of everything that is normalised. */
export function normWidths(config: NcsnppConfig): [width: number, groups: number][] {
  const { down, up, lastChannels } = planNcsnpp(config);
  const widths = [...down, ...up].flatMap((step) =>
    step.kind === 'block' ? [step.block.inputs, step.block.outputs] : [],
  );
  return [...new Set([...widths, lastChannels])].map((width) => [width, groupsOf(width)]);
}
