import { type StoredTensor } from '@immiscible/tensor-core';
import { describe, expect, it } from 'vitest';
import { ModelWeightsError } from './errors.ts';
import { unet2dParameters } from './unet-2d.ts';
import { parseUnet2dConfig } from './unet-2d-config.ts';
import {
  checkUnet2dWeights,
  normalizeNcsnppNames,
  normalizeWeightNames,
  unet2dFromWeights,
} from './weights.ts';

const config = parseUnet2dConfig({
  block_out_channels: [4, 8],
  norm_num_groups: 2,
  attention_head_dim: 4,
  layers_per_block: 1,
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
});

function stored(): Record<string, StoredTensor> {
  let next = 0;
  return Object.fromEntries(
    Object.entries(unet2dParameters(config)).map(([name, { shape }]) => {
      const data = new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(next++);
      return [name, { shape, dtype: 'float32', data }];
    }),
  );
}

const path = 'down_blocks.1.attentions.0';

describe('weights', () => {
  it('are taken as they are where they are right', async () => {
    const weights = stored();
    const parameters = unet2dFromWeights(config, weights);
    expect(Object.keys(parameters)).toEqual(Object.keys(unet2dParameters(config)));
    for (const [name, tensor] of Object.entries(parameters))
      expect(await tensor.data()).toBe(weights[name]!.data);
  });

  it('of old files get their names of today', async () => {
    const today = stored();
    const old = Object.fromEntries(
      Object.entries(today).map(([name, value]) => [
        name
          .replace('.to_q.', '.query.')
          .replace('.to_k.', '.key.')
          .replace('.to_v.', '.value.')
          .replace('.to_out.0.', '.proj_attn.'),
        value,
      ]),
    );
    expect(Object.keys(old)).toContain(`${path}.proj_attn.bias`);
    expect(normalizeWeightNames(old)).toEqual(today);
    expect(normalizeWeightNames(today)).toEqual(today);
    const parameters = unet2dFromWeights(config, old);
    expect(await parameters[`${path}.to_k.weight`]!.data()).toBe(today[`${path}.to_k.weight`]!.data);
  });

  it('under an old and a new name at once are refused', () => {
    const both = { ...stored(), [`${path}.query.weight`]: stored()[`${path}.to_q.weight`]! };
    expect(() => normalizeWeightNames(both)).toThrow(
      /query\.weight is an old name of .*to_q\.weight, and both are there/,
    );
  });

  it('in half precision are widened', async () => {
    const weights = stored();
    const halves = new Uint16Array([0x3c00, 0xc000, 0, 0x3800]);
    weights['conv_norm_out.weight'] = { shape: [4], dtype: 'float16', data: halves };
    expect(await unet2dFromWeights(config, weights)['conv_norm_out.weight']!.data()).toEqual(
      new Float32Array([1, -2, 0, 0.5]),
    );
  });

  it('of whole numbers are refused', () => {
    const weights = stored();
    weights['conv_norm_out.weight'] = { shape: [4], dtype: 'int32', data: new Int32Array(4) };
    expect(() => unet2dFromWeights(config, weights)).toThrow(/conv_norm_out\.weight: .*got int32/);
  });

  it('that do not fit are counted, and the first of them named', () => {
    const weights: Record<string, { shape: readonly number[] }> = stored();
    for (const name of Object.keys(weights).filter((key) => key.startsWith('mid_block.attentions.0.to_'))) {
      delete weights[name];
    }
    weights['conv_in.weight'] = { shape: [4, 1, 3, 3] };
    weights['ema.decay'] = { shape: [] };
    const check = (): void => checkUnet2dWeights(config, weights);
    expect(check).toThrow(ModelWeightsError);
    expect(check).toThrow(
      /8 missing: mid_block\.attentions\.0\.to_q\.weight \[8, 8\], .*, and 5 more; 1 of another shape: conv_in\.weight \(wanted \[4, 3, 3, 3\], got \[4, 1, 3, 3\]\); 1 unexpected: ema\.decay\. Use the config\.json/,
    );
  });
});

describe('normalizeNcsnppNames', () => {
  const ours = { 'map_layer0.weight': 1, 'enc.8x8_down.conv0.weight': 2 };

  it('takes off what a preconditioned network puts before each name, and what the config knows', () => {
    const published = {
      'model.map_augment.weight': 0,
      'model.map_layer0.weight': 1,
      'model.enc.8x8_down.conv0.weight': 2,
      'model.enc.8x8_down.conv0.resample_filter': 3,
    };
    expect(normalizeNcsnppNames(published)).toEqual(ours);
  });

  it('leaves our names, and names of something else, as they are', () => {
    expect(normalizeNcsnppNames(ours)).toEqual(ours);
    const mixed = { ...ours, 'model.step': 4 };
    expect(normalizeNcsnppNames(mixed)).toEqual(mixed);
  });
});
