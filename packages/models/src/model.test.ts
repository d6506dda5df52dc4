import { type Device, openDevice, type StoredTensor, tensor } from '@immiscible/tensor-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeModel } from './describe.ts';
import { ModelConfigError, ModelInputError, ModelWeightsError } from './errors.ts';
import { initParameters } from './initialize.ts';
import { type ModelInputs } from './inputs.ts';
import { applyModel, checkModelWeights, initModel, modelFromWeights, modelParameters } from './model.ts';
import { type ModelConfig, parseModelConfig, toModelConfig } from './model-config.ts';

const configs: Record<string, ModelConfig> = {
  unet: parseModelConfig({
    block_out_channels: [4, 8],
    norm_num_groups: 2,
    attention_head_dim: 4,
    layers_per_block: 1,
    sample_size: 4,
    dropout: 0.5,
    num_class_embeds: 3,
    down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
    up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
  }),
  ncsnpp: parseModelConfig({
    _class_name: 'NCSNpp',
    sample_size: 4,
    model_channels: 4,
    channel_mult: [1, 2],
    num_blocks: 1,
    attn_resolutions: [2],
    dropout: 0.5,
    encoder_type: 'residual',
    resample_filter: [1, 3, 3, 1],
    num_class_embeds: 3,
  }),
  mlp: parseModelConfig({
    _class_name: 'MLP',
    in_channels: 3,
    out_channels: 3,
    sample_size: [4, 4],
    hidden_channels: [8, 6],
    time_embedding_dim: 8,
    dropout: 0.5,
    num_class_embeds: 3,
  }),
};

describe('parseModelConfig', () => {
  it('takes a config without a class as UNet2DModel', () => {
    expect(parseModelConfig({})._class_name).toBe('UNet2DModel');
    expect(parseModelConfig('{}')).toEqual(parseModelConfig({ _class_name: 'UNet2DModel' }));
  });

  it.each(Object.keys(configs))('reads what toModelConfig writes: %s', (name) => {
    const written = toModelConfig(configs[name]!);
    expect(Object.keys(written)).toEqual(Object.keys(written).sort());
    expect(parseModelConfig(JSON.stringify(written))).toEqual(configs[name]);
  });

  it('keeps fields that it does not know', () => {
    expect(toModelConfig(parseModelConfig({ _class_name: 'MLP', note: 'x' }))).toMatchObject({ note: 'x' });
  });

  it.each<[string, unknown, RegExp]>([
    [
      'another class',
      { _class_name: 'UNet1DModel' },
      /_class_name: wanted "UNet2DModel" \| .*got "UNet1DModel"/,
    ],
    ['a field of the wrong kind', { _class_name: 'MLP', hidden_channels: [] }, /hidden_channels/],
    ['something else than an object', 3, /\(top\)/],
  ])('refuses %s, naming the field', (_, json, message) => {
    expect(() => parseModelConfig(json)).toThrow(ModelConfigError);
    expect(() => parseModelConfig(json)).toThrow(message);
  });
});

describe.each(Object.keys(configs))('any architecture: %s', (name) => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice('cpu', { threads: 1 });
  });
  afterAll(() => device.dispose());

  const config = configs[name]!;
  const parameters = initParameters(modelParameters(config), 1);
  const values = Float32Array.from({ length: 96 }, (_, i) => Math.sin(i));
  const inputs = {
    sample: tensor(values, [2, 3, 4, 4]),
    timestep: tensor([3, 70]),
    classLabels: tensor([2, 0], [2], 'int32'),
  };
  const run = async (given: ModelInputs): Promise<Float32Array> => {
    const compiled = device.compile((x: ModelInputs) => applyModel(config, parameters, x));
    const output = await compiled(given);
    expect(output.shape).toEqual([2, 3, 4, 4]);
    await compiled.dispose();
    return (await output.data()) as Float32Array;
  };

  it('gives every sample its own prediction, that depends on its time and its class', async () => {
    const first = await run(inputs);
    const later = await run({ ...inputs, timestep: tensor([3, 71]) });
    const other = await run({ ...inputs, classLabels: tensor([1, 0], [2], 'int32') });
    expect(later.slice(0, 48)).toEqual(first.slice(0, 48));
    expect(later.slice(48)).not.toEqual(first.slice(48));
    expect(other.slice(0, 48)).not.toEqual(first.slice(0, 48));
    expect(other.slice(48)).toEqual(first.slice(48));
  });

  it('drops the same units under the same key, and none without one', async () => {
    const key = (a: number): ReturnType<typeof tensor> => tensor([a, 2, 3, 4], [2, 2], 'int32');
    const plain = await run(inputs);
    const dropped = await run({ ...inputs, dropoutKey: key(1) });
    expect(dropped).not.toEqual(plain);
    expect(await run({ ...inputs, dropoutKey: key(1) })).toEqual(dropped);
    const otherKey = await run({ ...inputs, dropoutKey: key(9) });
    expect(otherKey.slice(0, 48)).not.toEqual(dropped.slice(0, 48));
    expect(otherKey.slice(48)).toEqual(dropped.slice(48));
  });

  it('answers 0 where its last layers start at 0', async () => {
    const zeroed = initModel(config, 1, { zeroInit: true });
    const output = await applyModel(config, zeroed, inputs).data();
    expect(Array.from(output).every((v) => v === 0)).toBe(true);
  });

  it('takes its own weights back, and no others', async () => {
    const stored: Record<string, StoredTensor> = {};
    for (const [key, value] of Object.entries(parameters)) {
      stored[key] = { shape: value.shape, dtype: 'float32', data: await value.data() };
    }
    const read = modelFromWeights(config, stored);
    expect(Object.keys(read)).toEqual(Object.keys(modelParameters(config)));
    for (const [key, value] of Object.entries(read)) expect(await value.data()).toEqual(stored[key]!.data);
    delete stored[Object.keys(stored)[0]!];
    expect(() => checkModelWeights(config, stored)).toThrow(ModelWeightsError);
  });

  it('counts what it holds and what a pass costs', () => {
    const { parameters: learned, frozen, tensors, size, multiplyAdds } = describeModel(config);
    const sizes = Object.values(parameters).map(({ shape }) => shape.reduce((n, d) => n * d, 1));
    expect(learned + frozen).toBe(sizes.reduce((a, b) => a + b, 0));
    expect(tensors).toBe(sizes.length);
    expect(size).toEqual([4, 4]);
    expect(multiplyAdds).toBeGreaterThan(0);
  });

  it.each<[string, Partial<ModelInputs>, RegExp]>([
    [
      'another size',
      { sample: tensor(new Float32Array(54), [2, 3, 3, 3]) },
      /sample: wanted height and width/,
    ],
    ['other channels', { sample: tensor(values, [2, 12, 2, 2]) }, /sample: wanted \[B, 3, H, W\]/],
    ['a timestep for another batch', { timestep: tensor([1]) }, /timestep: wanted float32 or int32 \[2\]/],
    ['labels of another type', { classLabels: tensor([1, 2]) }, /classLabels: wanted int32 \[2\]/],
  ])('refuses %s', (_, change, message) => {
    const apply = (): unknown => applyModel(config, parameters, { ...inputs, ...change });
    expect(apply).toThrow(ModelInputError);
    expect(apply).toThrow(message);
  });
});
