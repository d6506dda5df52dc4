import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { applyModel, initModel, type ModelConfig, parseModelConfig } from '@immiscible/models';
import { parseSchedulerConfig } from '@immiscible/schedulers';
import { type Tensor } from '@immiscible/tensor-core';
import { streamNormal } from '@immiscible/random';
import { describe, expect, it } from 'vitest';
import {
  floats,
  openData,
  type Overrides,
  relativeError,
  temporaryFolder,
  testDevice,
  tinyRun,
} from '../test/tiny.ts';
import { type RunConfig } from './config.ts';
import { CheckpointError, ConfigError } from './errors.ts';
import { layoutOf, startOf } from './parts.ts';
import { writePipeline } from './pipeline-folder.ts';
import { TrainingRun } from './run.ts';

const opened = testDevice();

const mlp = {
  _class_name: 'MLP',
  sample_size: 8,
  in_channels: 1,
  out_channels: 1,
  hidden_channels: [32, 32],
  time_embedding_dim: 16,
};

/** A folder with a network as objective `edm` would leave it. */
async function trained(model: Overrides, scheduler = 'EDMHeunScheduler'): Promise<string> {
  const folder = join(await temporaryFolder(), 'trained');
  await mkdir(folder);
  const config = parseModelConfig(model);
  await writePipeline(folder, {
    model: config,
    scheduler: parseSchedulerConfig({ _class_name: scheduler }),
    parameters: initModel(config, 3),
  });
  return folder;
}

/** Overrides replace the model as a whole, which is another class than the one of other tests. */
function tuning(from: string, model: Overrides): RunConfig {
  const config = tinyRun({
    objective: { kind: 'easy-consistency-tuning', from },
    scheduler: { _class_name: 'CMStochasticIterativeScheduler' },
    training: { steps: 3 },
    evaluation: { samplingSteps: [1, 2] },
  });
  return { ...config, model: parseModelConfig(model) };
}

describe('a run of easy consistency tuning', () => {
  it('begins as the function that was trained, which is told ¼ ln σ as before', async () => {
    const trainedModel: ModelConfig = parseModelConfig({ ...mlp, time_scale: 1000 });
    const config = tuning(await trained({ ...mlp, time_scale: 1000 }), { ...mlp, dropout: 0.1 });
    const parameters = await layoutOf(config).unpack((await startOf(config)).parameters);
    const sample = floats(streamNormal(1, 0, new Float32Array(4 * 64)), [4, 1, 8, 8]);
    const cNoise = [0.002, 0.3, 4, 80].map((sigma) => Math.log(sigma) / 4);
    const answer = (model: ModelConfig, time: number[]): Tensor =>
      applyModel(model, parameters, { sample, timestep: floats(time) });
    const before = await answer(trainedModel, cNoise).data();
    const after = await answer(
      config.model,
      cNoise.map((time) => 1000 * time),
    ).data();
    // Times of a thousand, in float32, are exact to 1e-4, and so are their sines.
    expect(relativeError(after, before)).toBeLessThan(1e-4);
    expect(relativeError(await answer(config.model, cNoise).data(), before)).toBeGreaterThan(1e-3);
  });

  it('trains, and is resumed without the folder that it began with', async () => {
    const config = tuning(await trained(mlp, 'CMStochasticIterativeScheduler'), mlp);
    const folder = await temporaryFolder();
    const options = { folder, device: opened.device, dataset: await openData(config) };
    const run = await TrainingRun.create(config, options);
    while (!run.finished) expect((await run.step()).numbers[0]!.loss).toBeGreaterThan(0);
    await run.close();
    const resumed = await TrainingRun.resume(options);
    expect(resumed.finished).toBe(true);
    await resumed.close();
  });

  it.each<[string, Overrides, string, Overrides, RegExp]>([
    [
      'another network',
      mlp,
      'EDMHeunScheduler',
      { ...mlp, hidden_channels: [32] },
      /^model\.hidden_channels: wants .*\[32,32\], got \[32\]/,
    ],
    [
      'another count of time',
      { ...mlp, time_scale: 1000 },
      'EDMHeunScheduler',
      { ...mlp, time_scale: 1000 },
      /^model\.time_scale: wants 1, .* got 1000/,
    ],
    [
      'a network that was trained otherwise',
      mlp,
      'DDIMScheduler',
      mlp,
      /^objective\.from: wants a network of EDMHeunScheduler .* got one of DDIMScheduler/,
    ],
  ])('refuses %s', async (_, model, scheduler, wanted, message) => {
    const start = startOf(tuning(await trained(model, scheduler), wanted));
    await expect(start).rejects.toThrow(ConfigError);
    await expect(start).rejects.toThrow(message);
  });

  it('refuses a U-Net of EDM, whose time cannot be counted otherwise, and a folder that is not there', async () => {
    const { model } = tinyRun();
    await expect(startOf(tuning(await trained(model), model))).rejects.toThrow(/^model: a UNet2DModel/);
    await expect(startOf(tuning('nowhere', mlp))).rejects.toThrow(CheckpointError);
  });
});
