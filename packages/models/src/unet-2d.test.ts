import { type Device, openDevice, readSafetensors, type Tensor, tensor } from '@immiscible/tensor-core';
import { streamNormal } from '@immiscible/random';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawn, goldenJson, goldenPath, relativeError } from '../test/golden.ts';
import { ModelInputError, ModelWeightsError } from './errors.ts';
import { initUnet2d } from './initialize.ts';
import { applyUnet2d, type Unet2dInputs } from './unet-2d.ts';
import { parseUnet2dConfig, type Unet2dConfig } from './unet-2d-config.ts';
import { unet2dFromWeights } from './weights.ts';
import { readFileSync } from 'node:fs';

const base = {
  in_channels: 2,
  out_channels: 2,
  block_out_channels: [8, 16],
  layers_per_block: 1,
  norm_num_groups: 4,
  attention_head_dim: 8,
  down_block_types: ['DownBlock2D', 'AttnDownBlock2D'],
  up_block_types: ['AttnUpBlock2D', 'UpBlock2D'],
};

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu', { threads: 1 });
});
afterAll(() => device.dispose());

async function run(
  config: Unet2dConfig,
  parameters: Record<string, Tensor>,
  inputs: Unet2dInputs,
): Promise<Float32Array> {
  const compiled = device.compile((x: { parameters: Record<string, Tensor>; inputs: Unet2dInputs }) => ({
    y: applyUnet2d(config, x.parameters, x.inputs),
  }));
  const { y } = await compiled({ parameters, inputs });
  await compiled.dispose();
  return (await y.data()) as Float32Array;
}

/** A batch of three samples of 4 × 8, and the sample at `index` of it alone. */
const shape = [3, 2, 4, 8];
const noise = streamNormal(1, 0, new Float32Array(3 * 64));
const keys = Int32Array.of(1, 2, 3, 4, 5, 6);
const batch = {
  sample: tensor(noise, shape),
  timestep: tensor([10, 500, 900]),
  dropoutKey: tensor(keys, [3, 2]),
};
function alone(index: number): typeof batch {
  return {
    sample: tensor(noise.slice(index * 64, (index + 1) * 64), [1, 2, 4, 8]),
    timestep: tensor([[10, 500, 900][index]!]),
    dropoutKey: tensor(keys.slice(index * 2, index * 2 + 2), [1, 2]),
  };
}
const { sample, timestep } = batch;

describe('a model folder that diffusers saved', () => {
  it('gives the output that diffusers gets', async () => {
    const expected = goldenJson<{
      tolerance: number;
      sample: Parameters<typeof drawn>[1] & { seed: number };
      timesteps: number[];
      output: { shape: number[]; values: number[] };
    }>('pipelines/tiny-ddpm.json');
    const folder = goldenPath('pipelines/tiny-ddpm/unet/');
    const config = parseUnet2dConfig(readFileSync(`${folder}config.json`, 'utf8'));
    const { tensors } = await readSafetensors(`${folder}diffusion_pytorch_model.safetensors`);
    const output = await run(config, unet2dFromWeights(config, tensors), {
      sample: drawn(expected.sample.seed, expected.sample),
      timestep: tensor(expected.timesteps, [expected.timesteps.length], 'int32'),
    });
    expect(relativeError(output, expected.output.values)).toBeLessThan(expected.tolerance);
  });
});

describe('dropout', () => {
  const config = parseUnet2dConfig({ ...base, dropout: 0.3 });
  const parameters = initUnet2d(config, 3);

  it('happens only where the config has it and a key is given', async () => {
    const without = parseUnet2dConfig(base);
    const plain = await run(without, parameters, { sample, timestep });
    expect(await run(config, parameters, { sample, timestep })).toEqual(plain);
    expect(await run(without, parameters, batch)).toEqual(plain);
    expect(relativeError(await run(config, parameters, batch), plain)).toBeGreaterThan(0.01);
  });

  it('drops the same units under the same key, and others under another', async () => {
    const first = await run(config, parameters, batch);
    expect(await run(config, parameters, batch)).toEqual(first);
    const other = await run(config, parameters, {
      ...batch,
      dropoutKey: tensor(
        keys.map((k) => k + 1),
        [3, 2],
      ),
    });
    expect(relativeError(other, first)).toBeGreaterThan(0.01);
  });

  it('does to a sample what it does to it in any other batch', async () => {
    const together = await run(config, parameters, batch);
    for (let i = 0; i < 3; i++) {
      const single = await run(config, parameters, alone(i));
      expect(relativeError(single, together.slice(i * 64, (i + 1) * 64))).toBeLessThan(1e-5);
    }
  });
});

describe('classes', () => {
  const config = parseUnet2dConfig({ ...base, num_class_embeds: 4 });
  const parameters = initUnet2d(config, 3);
  const labels = (...values: number[]): Tensor => tensor(values, [3], 'int32');

  it('change the output of their own sample alone', async () => {
    const a = await run(config, parameters, { sample, timestep, classLabels: labels(0, 1, 2) });
    const b = await run(config, parameters, { sample, timestep, classLabels: labels(0, 3, 2) });
    expect(b.slice(0, 64)).toEqual(a.slice(0, 64));
    expect(b.slice(128)).toEqual(a.slice(128));
    expect(relativeError(b.slice(64, 128), a.slice(64, 128))).toBeGreaterThan(1e-3);
  });

  it('are asked for where they are missing, and refused where the model has none', () => {
    expect(() => applyUnet2d(config, parameters, { sample, timestep })).toThrow(
      /classLabels are missing: the model has 4 classes; give int32 \[3\]/,
    );
    const without = parseUnet2dConfig(base);
    expect(() =>
      applyUnet2d(without, initUnet2d(without, 1), { sample, timestep, classLabels: labels(0, 1, 2) }),
    ).toThrow(/model without classes; leave them out, or set num_class_embeds/);
  });
});

describe('the untrained model', () => {
  it('answers 0 where its last layers start at 0', async () => {
    const config = parseUnet2dConfig(base);
    const output = await run(config, initUnet2d(config, 5, { zeroInit: true }), { sample, timestep });
    expect(output.every((v) => v === 0)).toBe(true);
  });

  it('takes whole and fractional timesteps', async () => {
    const config = parseUnet2dConfig(base);
    const parameters = initUnet2d(config, 5);
    const whole = await run(config, parameters, { sample, timestep: tensor([10, 500, 900], [3], 'int32') });
    expect(whole).toEqual(await run(config, parameters, { sample, timestep }));
    const later = await run(config, parameters, { sample, timestep: tensor([10.5, 500, 900]) });
    expect(later.slice(64)).toEqual(whole.slice(64));
    expect(later.slice(0, 64)).not.toEqual(whole.slice(0, 64));
  });
});

describe('wrong inputs', () => {
  const config = parseUnet2dConfig(base);
  const parameters = initUnet2d(config, 1);
  it.each<[string, Partial<Unet2dInputs>, RegExp]>([
    [
      'channels',
      { sample: tensor(new Float32Array(96), [3, 1, 4, 8]) },
      /sample: wanted \[B, 2, H, W\].* got float32 \[3, 1, 4, 8\]/,
    ],
    ['axes', { sample: tensor(new Float32Array(8), [8]) }, /sample: wanted \[B, 2, H, W\]/],
    [
      'an odd side',
      { sample: tensor(new Float32Array(120), [3, 2, 4, 5]) },
      /multiples of 2 \(2 blocks\); pad or resize, got .*4, 5\]/,
    ],
    [
      'fewer timesteps than samples',
      { timestep: tensor([1]) },
      /timestep: wanted float32 or int32 \[3\], .* got float32 \[1\]/,
    ],
    ['a scalar timestep', { timestep: tensor(1) }, /timestep: wanted/],
    [
      'a key for another batch',
      { dropoutKey: tensor(new Int32Array(4), [2, 2]) },
      /dropoutKey: wanted int32 \[3, 2\], .* got int32 \[2, 2\]/,
    ],
    [
      'a key of another type',
      { dropoutKey: tensor(new Float32Array(6), [3, 2]) },
      /dropoutKey: .* got float32/,
    ],
  ])('%s', (_, change, message) => {
    const apply = (): Tensor => applyUnet2d(config, parameters, { ...batch, ...change });
    expect(apply).toThrow(ModelInputError);
    expect(apply).toThrow(message);
  });

  it('labels of another type', () => {
    const classes = parseUnet2dConfig({ ...base, num_class_embeds: 4 });
    expect(() =>
      applyUnet2d(classes, initUnet2d(classes, 1), { sample, timestep, classLabels: tensor([0, 1, 2]) }),
    ).toThrow(/classLabels: wanted int32 \[3\], .* got float32 \[3\]/);
  });

  it('a parameter that is missing', () => {
    const rest = Object.fromEntries(Object.entries(parameters).filter(([name]) => name !== 'conv_in.weight'));
    expect(() => applyUnet2d(config, rest, { sample, timestep })).toThrow(ModelWeightsError);
    expect(() => applyUnet2d(config, rest, { sample, timestep })).toThrow(
      /the parameter conv_in\.weight is missing/,
    );
  });
});
