import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { goldenPath } from '../test/golden.ts';
import { ModelConfigError } from './errors.ts';
import { parseUnet2dConfig, toUnet2dConfig } from './unet-2d-config.ts';

const diffusersFile = readFileSync(goldenPath('pipelines/tiny-ddpm/unet/config.json'), 'utf8');

describe('parseUnet2dConfig', () => {
  it('fills in the defaults of diffusers', () => {
    expect(parseUnet2dConfig({})).toEqual({
      _class_name: 'UNet2DModel',
      _diffusers_version: '0.35.2',
      sample_size: null,
      in_channels: 3,
      out_channels: 3,
      center_input_sample: false,
      time_embedding_type: 'positional',
      time_embedding_dim: null,
      freq_shift: 0,
      flip_sin_to_cos: true,
      down_block_types: ['DownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D', 'AttnDownBlock2D'],
      mid_block_type: 'UNetMidBlock2D',
      up_block_types: ['AttnUpBlock2D', 'AttnUpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
      block_out_channels: [224, 448, 672, 896],
      layers_per_block: 2,
      mid_block_scale_factor: 1,
      downsample_padding: 1,
      downsample_type: 'conv',
      upsample_type: 'conv',
      dropout: 0,
      act_fn: 'silu',
      attention_head_dim: 8,
      norm_num_groups: 32,
      attn_norm_num_groups: null,
      norm_eps: 1e-5,
      resnet_time_scale_shift: 'default',
      add_attention: true,
      class_embed_type: null,
      num_class_embeds: null,
      num_train_timesteps: null,
    });
  });

  it('has exactly the fields that diffusers writes, in its order', () => {
    expect(Object.keys(toUnet2dConfig(parseUnet2dConfig({})))).toEqual(
      Object.keys(JSON.parse(diffusersFile) as object),
    );
  });

  it('writes back the file that diffusers wrote', () => {
    expect(toUnet2dConfig(parseUnet2dConfig(diffusersFile))).toEqual(JSON.parse(diffusersFile));
  });

  it('tells an absent attention_head_dim (8) from null (one head), also after writing', () => {
    const read = (extra: object): unknown =>
      toUnet2dConfig(parseUnet2dConfig(JSON.stringify(toUnet2dConfig(parseUnet2dConfig(extra)))))[
        'attention_head_dim'
      ];
    expect(read({})).toBe(8);
    expect(read({ attention_head_dim: null })).toBeNull();
    expect(read({ attention_head_dim: 64 })).toBe(64);
  });

  it('keeps fields that it does not know', () => {
    const config = parseUnet2dConfig({ _name_or_path: 'x', decay: 0.9999 });
    expect(toUnet2dConfig(config)).toMatchObject({ _name_or_path: 'x', decay: 0.9999 });
  });

  it.each(readdirSync(goldenPath('configs')))('reads, writes and reads %s again without a change', (file) => {
    const text = readFileSync(goldenPath(`configs/${file}`), 'utf8');
    const config = parseUnet2dConfig(text);
    expect(parseUnet2dConfig(toUnet2dConfig(config))).toEqual(config);
    expect(toUnet2dConfig(config)).toMatchObject(JSON.parse(text) as object);
  });

  it.each<[string, unknown, RegExp]>([
    ['text that is no JSON', '{', /wanted JSON/],
    ['something else than an object', 3, /\(top\)/],
    [
      'another class',
      { _class_name: 'UNet2DConditionModel' },
      /_class_name: .*diffusers has it, this package does not/,
    ],
    [
      'learned time',
      { time_embedding_type: 'learned' },
      /time_embedding_type: .*got "learned" \(diffusers has it/,
    ],
    [
      'a class embedding of another type',
      { class_embed_type: 'timestep' },
      /class_embed_type: .*"timestep".*num_class_embeds/,
    ],
    ['another norm', { resnet_time_scale_shift: 'spatial' }, /resnet_time_scale_shift: .*diffusers has it/],
    ['an unsupported activation', { act_fn: 'mish' }, /act_fn: wanted "silu" \| .*diffusers has it/],
    ['an unknown activation', { act_fn: 'sine' }, /act_fn: wanted "silu" \| .*got "sine"$/],
    [
      'a block of another model',
      {
        down_block_types: ['CrossAttnDownBlock2D'],
        up_block_types: ['SkipUpBlock2D'],
        block_out_channels: [32],
      },
      /down_block_types\.0: .*diffusers has it.*up_block_types\.0: .*diffusers has it/,
    ],
    [
      'fewer blocks than widths',
      { block_out_channels: [32, 64] },
      /down_block_types: wanted 2 blocks.*got 4; up_block_types/,
    ],
    [
      'channels that groups do not divide',
      { norm_num_groups: 48 },
      /block_out_channels\.0: wanted a multiple of norm_num_groups \(48\), got 224/,
    ],
    [
      'heads wider than the layer',
      { attention_head_dim: 500 },
      /block_out_channels\.1: wanted at least attention_head_dim \(500\)/,
    ],
    [
      'groups of the middle that do not divide',
      { attn_norm_num_groups: 5 },
      /block_out_channels\.3: .*attn_norm_num_groups/,
    ],
    ['padding of two', { downsample_padding: 2 }, /downsample_padding: wanted 1, or 0/],
    ['a size of three sides', { sample_size: [1, 2, 3] }, /sample_size: wanted a side length/],
    ['certain dropout', { dropout: 1 }, /dropout/],
    [
      'a frequency shift that leaves nothing',
      { freq_shift: 112 },
      /freq_shift: wanted less than .* 112, got 112/,
    ],
  ])('refuses %s, naming the field', (_, json, message) => {
    expect(() => parseUnet2dConfig(json)).toThrow(ModelConfigError);
    expect(() => parseUnet2dConfig(json)).toThrow(message);
  });
});
