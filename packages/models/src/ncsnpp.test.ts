import { describe, expect, it } from 'vitest';
import { goldenJson } from '../test/golden.ts';
import { ModelConfigError } from './errors.ts';
import { initModel, modelParameters } from './model.ts';
import { parseModelConfig, toModelConfig } from './model-config.ts';
import { countParameters } from './parameters.ts';

/** The network of consistency models on CIFAR-10 (openai/consistency_models_cifar10). */
const ncsnpp = parseModelConfig({
  _class_name: 'NCSNpp',
  embedding_type: 'fourier',
  channel_mult_noise: 2,
  encoder_type: 'residual',
  resample_filter: [1, 3, 3, 1],
  time_scale: 0.001,
});

describe('NCSNpp', () => {
  it("has the sizes of the papers' networks on CIFAR-10: 56.4 and 55.7 million", () => {
    expect(countParameters(modelParameters(ncsnpp))).toBe(56_395_651);
    expect(countParameters(modelParameters(parseModelConfig({ _class_name: 'NCSNpp' })))).toBe(55_732_739);
  });

  it('gains by classes what a linear layer of them holds', () => {
    const plain = parseModelConfig({ _class_name: 'NCSNpp' });
    const classes = parseModelConfig({ _class_name: 'NCSNpp', num_class_embeds: 10 });
    const gained = countParameters(modelParameters(classes)) - countParameters(modelParameters(plain));
    expect(gained).toBe(11 * 128);
  });

  it('names its parameters as the networks of Karras et al. are named', () => {
    const names = Object.keys(modelParameters(ncsnpp));
    for (const name of [
      'map_noise.freqs',
      'map_layer1.bias',
      'enc.32x32_conv.weight',
      'enc.16x16_down.skip.weight',
      'enc.8x8_aux_residual.weight',
      'enc.16x16_block3.qkv.weight',
      'dec.8x8_in0.proj.bias',
      'dec.16x16_up.conv0.weight',
      'dec.32x32_block4.affine.weight',
      'dec.32x32_aux_norm.weight',
      'dec.32x32_aux_conv.bias',
    ]) {
      expect(names).toContain(name);
    }
    expect(names).not.toContain('enc.32x32_block0.qkv.weight');
    expect(names).not.toContain('dec.16x16_block0.qkv.weight');
    expect(names).toContain('dec.16x16_block4.qkv.weight');
  });

  it('trains everything but its frequencies', () => {
    const specs = Object.entries(modelParameters(ncsnpp));
    expect(specs.filter(([, { trainable }]) => !trainable).map(([name]) => name)).toEqual([
      'map_noise.freqs',
    ]);
  });

  it.each(['ncsnpp', 'ncsnpp-odd', 'ddpmpp-flat'])(
    'reads and writes the config of %s without a change',
    (name) => {
      const json = goldenJson<object>(`configs/${name}.json`, 'own');
      expect(toModelConfig(parseModelConfig(json))).toEqual(json);
    },
  );

  it.each<[string, object, RegExp]>([
    [
      'a size that levels do not divide',
      { sample_size: 30 },
      /sample_size: wanted a multiple of 4 \(3 levels\), got 30/,
    ],
    [
      'a filter of three taps',
      { resample_filter: [1, 2, 1] },
      /resample_filter: wanted an even number of taps/,
    ],
    [
      'channels that groups do not divide',
      { model_channels: 10 },
      /model_channels: with 10 a layer of .* do not divide/,
    ],
    [
      'an unknown encoder',
      { encoder_type: 'skip' },
      /encoder_type: wanted "standard" \| "residual", got "skip"/,
    ],
  ])('refuses %s, naming the field', (_, change, message) => {
    const parse = (): unknown => parseModelConfig({ _class_name: 'NCSNpp', ...change });
    expect(parse).toThrow(ModelConfigError);
    expect(parse).toThrow(message);
  });
});

describe('the first values of NCSNpp', () => {
  const tiny = parseModelConfig(goldenJson('configs/ncsnpp.json', 'own'));
  const most = async (name: string, options = {}): Promise<number> => {
    const values = await initModel(tiny, 1, options)[name]!.data();
    return Array.from(values).reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  };

  it("are its papers': fan_avg uniform, biases and the ends of branches 0, attention 0.1 of the variance", async () => {
    const near = (value: number, half: number): void => {
      expect(value).toBeLessThanOrEqual(half * (1 + 1e-6));
      expect(value).toBeGreaterThan(half * 0.95);
    };
    near(await most('enc.4x4_block0.conv0.weight'), Math.sqrt(6 / (9 * (16 + 16))));
    // Three layers of 16 → 16 channels: √(6 / 32) each, with √0.1 of the deviation.
    near(await most('enc.4x4_block0.qkv.weight'), Math.sqrt((0.1 * 6) / 32));
    for (const end of ['enc.4x4_block0.conv1', 'enc.4x4_block0.proj', 'dec.8x8_aux_conv']) {
      expect(await most(`${end}.weight`)).toBe(0);
    }
    expect(await most('enc.4x4_block0.conv0.bias')).toBe(0);
  });

  it('are drawn by another scheme where it is asked for, and end branches in 0 all the same', async () => {
    const options = { scheme: 'torch', zeroInit: false } as const;
    expect(await most('enc.4x4_block0.conv0.bias', options)).toBeGreaterThan(0);
    expect(await most('dec.8x8_aux_conv.weight', options)).toBe(0);
  });
});
